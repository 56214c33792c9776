// The decision table editor: opens a table of a draft in dmn-js and saves it back.
import 'dmn-js/dist/assets/diagram-js.css';
import 'dmn-js/dist/assets/dmn-js-shared.css';
import 'dmn-js/dist/assets/dmn-js-decision-table.css';
import 'dmn-js/dist/assets/dmn-js-decision-table-controls.css';
import 'dmn-js/dist/assets/dmn-js-literal-expression.css';
import 'dmn-js/dist/assets/dmn-font/css/dmn.css';
import './designer/decision.css';
import DmnModeler from 'dmn-js/lib/Modeler';
import { request } from './base.js';
import { connectSave } from './designer/saving.js';
import { t, translateModule } from './designer/words.js';

const place = document.querySelector('[data-decision]');
const status = document.querySelector('[data-state]');
const modeler = new DmnModeler({ container: '#table', decisionTable: { additionalModules: [translateModule] } });

const xml = await (await request(place.dataset.raw)).text();
try {
  await modeler.importXML(xml);
  const table = modeler.getViews().find((one) => one.type === 'decisionTable');
  if (table) await modeler.open(table);
  status.textContent = place.dataset.editable === 'yes' ? t('可以编辑', 'Ready') : t('只读', 'Read only');
} catch (error) {
  status.textContent = t('无法打开：', 'Cannot be opened: ') + error.message;
  throw error;
}
if (place.dataset.editable === 'yes') {
  const saving = connectSave(place, async () => (await modeler.saveXML({ format: true })).xml, { settle: 400 });
  modeler.getActiveViewer().get('eventBus').on('elements.changed', saving.touched);
}
document.body.dataset.ready = 'yes';
