// The diagram editor: opens a file of a draft in bpmn-js, saves it back, and leads to what is wrong.
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css';
import './designer/designer.css';
import Modeler from 'bpmn-js/lib/Modeler';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import { request, toast } from './base.js';
import moddle from './designer/moddle.json';
import { Properties, keepListVariables } from './designer/properties.js';
import { connectSave } from './designer/saving.js';
import { supportedModule } from './designer/supported.js';
import { t, translateModule } from './designer/words.js';

const place = document.querySelector('[data-designer]');
const editable = place.dataset.editable === 'yes';
const known = JSON.parse(document.getElementById('known').textContent);
const status = document.querySelector('[data-state]');
const buttons = Object.fromEntries(['undo', 'redo', 'fit'].map((name) => [name, document.querySelector(`[data-${name}]`)]));
const Editor = editable ? Modeler : NavigatedViewer;
const modeler = new Editor({
  container: '#canvas',
  moddleExtensions: { cl: moddle },
  additionalModules: editable ? [translateModule, supportedModule] : [translateModule],
});
new Properties(modeler, document.getElementById('properties'), known, editable);

function leadTo(id) {
  const element = modeler.get('elementRegistry').get(id);
  if (!element) return false;
  modeler.get('selection').select(element);
  modeler.get('canvas').scrollToElement(element, 120);
  return true;
}

/** A wide diagram is shown from its left edge in a readable size, beside the palette; a small one whole. */
function showFromTheStart() {
  const canvas = modeler.get('canvas');
  canvas.zoom('fit-viewport', 'auto');
  if (canvas.zoom() > 0.7) return;
  const { inner } = canvas.viewbox();
  canvas.zoom(0.7);
  const { scale } = canvas.viewbox();
  const room = editable ? 110 : 30;
  const box = canvas.getSize();
  canvas.viewbox({ x: inner.x - room / scale, y: inner.y - 40 / scale, width: box.width / scale, height: box.height / scale });
}

let marked = [];
function mark(ids) {
  const canvas = modeler.get('canvas');
  const registry = modeler.get('elementRegistry');
  for (const id of marked) if (registry.get(id)) canvas.removeMarker(id, 'is-problem');
  marked = ids.filter((id) => id && registry.get(id));
  for (const id of marked) canvas.addMarker(id, 'is-problem');
}

document.addEventListener('click', (event) => {
  const goal = event.target.closest('[data-goto]');
  if (goal && leadTo(goal.dataset.goto)) {
    event.preventDefault();
    history.replaceState(null, '', `#${goal.dataset.goto}`);
    place.scrollIntoView({ block: 'nearest' });
  }
});

const xml = await (await request(place.dataset.raw)).text();
try {
  const { warnings } = await modeler.importXML(xml);
  keepListVariables(modeler, warnings);
  const serious = warnings.filter((one) => one.property !== 'bpmn:loopDataInputRef');
  if (serious.length) toast(serious[0].message, 'soon');
  showFromTheStart();
  status.textContent = editable ? t('可以编辑', 'Ready') : t('只读', 'Read only');
} catch (error) {
  status.textContent = t('无法打开：', 'Cannot be opened: ') + error.message;
  throw error;
}
mark([...document.querySelectorAll('[data-problems] [data-element]')].map((one) => one.dataset.element));
if (location.hash) leadTo(decodeURIComponent(location.hash.slice(1)));

buttons.fit.addEventListener('click', () => modeler.get('canvas').zoom('fit-viewport', 'auto'));
if (editable) {
  const stack = modeler.get('commandStack');
  const saving = connectSave(place, async () => (await modeler.saveXML({ format: true })).xml, { mark });
  buttons.undo.addEventListener('click', () => stack.undo());
  buttons.redo.addEventListener('click', () => stack.redo());
  modeler.get('eventBus').on('commandStack.changed', () => {
    buttons.undo.disabled = !stack.canUndo();
    buttons.redo.disabled = !stack.canRedo();
    saving.touched(stack.canUndo());
  });
}
document.body.dataset.ready = 'yes';
