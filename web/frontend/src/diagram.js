// Shows the diagram of an instance: what has been is outlined, where it stands is filled. The list below it says the same.
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import { request } from './base.js';

for (const place of document.querySelectorAll('[data-diagram]')) {
  const [file, state] = await Promise.all([request(place.dataset.diagram), request(place.dataset.state)]);
  if (!file.ok || !state.ok) continue;
  place.textContent = '';
  const viewer = new NavigatedViewer({ container: place });
  try {
    await viewer.importXML(await file.text());
  } catch {
    place.textContent = document.documentElement.lang.startsWith('en') ? 'The diagram has no picture.' : '这个流程没有图。';
    continue;
  }
  const canvas = viewer.get('canvas');
  const known = viewer.get('elementRegistry');
  canvas.zoom('fit-viewport', 'auto');
  const stands = await state.json();
  const mark = (ids, name) => {
    for (const id of ids) if (known.get(id)) canvas.addMarker(id, name);
  };
  mark(stands.done, 'is-done');
  mark(stands.cancelled, 'is-cancelled');
  mark(stands.current, 'is-current');
  const done = new Set([...stands.done, ...stands.current]);
  for (const flow of known.filter((one) => one.type === 'bpmn:SequenceFlow')) {
    if (stands.done.includes(flow.source?.id) && done.has(flow.target?.id)) canvas.addMarker(flow.id, 'is-done');
  }
  place.dataset.ready = '1';
}
