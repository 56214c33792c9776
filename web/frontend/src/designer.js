// The diagram editor: opens a file of a draft in bpmn-js, saves it back, and leads to what is wrong.
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css';
import './designer/designer.css';
import Modeler from 'bpmn-js/lib/Modeler';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import { request, toast } from './base.js';
import moddle from './designer/moddle.json';
import { Properties, h, keepListVariables } from './designer/properties.js';
import { supportedModule } from './designer/supported.js';
import { t, translateModule } from './designer/words.js';

const place = document.querySelector('[data-designer]');
const editable = place.dataset.editable === 'yes';
const known = JSON.parse(document.getElementById('known').textContent);
const status = document.querySelector('[data-state]');
const buttons = Object.fromEntries(['save', 'undo', 'redo', 'fit'].map((name) => [name, document.querySelector(`[data-${name}]`)]));
const Editor = editable ? Modeler : NavigatedViewer;
const modeler = new Editor({
  container: '#canvas',
  moddleExtensions: { cl: moddle },
  additionalModules: editable ? [translateModule, supportedModule] : [translateModule],
});
new Properties(modeler, document.getElementById('properties'), known, editable);
let version = place.dataset.version;
let dirty = false;

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

function listProblems(problems) {
  const list = document.querySelector('[data-problems]');
  const none = document.querySelector('[data-none]');
  list.replaceChildren(...problems.map((one) => h('li', { 'data-element': one.element ?? '' },
    h('span', {}, h('span', { class: `cl-badge cl-badge--${one.severity === 'error' ? 'stop' : 'soon'}` }, one.severity === 'error' ? t('错误', 'Error') : t('提醒', 'Warning'))),
    h('span', {}, one.text),
    h('span', { class: 'cl-where' }, one.element ? h('a', { href: `#${one.element}`, 'data-goto': one.element }, one.element) : '', one.line ? ` ${t(`第 ${one.line} 行`, `line ${one.line}`)}` : ''))));
  if (none) none.hidden = problems.length > 0;
  else if (!problems.length) list.append(h('li', {}, h('span', {}, '✓'), h('span', {}, t('没有发现问题。', 'Nothing is wrong.'))));
  mark(problems.map((one) => one.element));
}

async function save() {
  if (!dirty) {
    toast(t('没有改动，不用保存', 'Nothing was changed'), 'info');
    return;
  }
  buttons.save.setAttribute('aria-busy', 'true');
  status.textContent = t('正在保存…', 'Saving…');
  try {
    const { xml } = await modeler.saveXML({ format: true });
    const body = new FormData();
    body.set('version', version);
    body.set('content', xml);
    const answer = await request(place.dataset.saveTo, { method: 'POST', body });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.text);
    version = said.version;
    dirty = false;
    listProblems(said.problems);
    const errors = said.problems.filter((one) => one.severity === 'error').length;
    status.textContent = t('已保存', 'Saved') + (errors ? t(`，本图有 ${errors} 处错误`, `; ${errors} errors in this diagram`) : t('，检查通过', '; the check is clean'));
    toast(status.textContent, errors ? 'soon' : 'ok');
  } catch (error) {
    status.textContent = t('没有保存', 'Not saved');
    toast(error.message, 'stop');
  } finally {
    buttons.save.removeAttribute('aria-busy');
  }
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
  buttons.save.disabled = false;
  buttons.save.addEventListener('click', save);
  buttons.undo.addEventListener('click', () => stack.undo());
  buttons.redo.addEventListener('click', () => stack.redo());
  modeler.get('eventBus').on('commandStack.changed', () => {
    dirty = stack.canUndo();
    buttons.undo.disabled = !stack.canUndo();
    buttons.redo.disabled = !stack.canRedo();
    if (dirty) status.textContent = t('有改动尚未保存', 'Unsaved changes');
  });
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault();
      save();
    }
  });
  addEventListener('beforeunload', (event) => { if (dirty) event.preventDefault(); });
}
document.body.dataset.ready = 'yes';
