// Shows the diagram of an instance: what has been is outlined, where it stands is filled. The list below it says the same.
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import { request } from './base.js';

/** Below this scale the words of a step can hardly be read. */
const READABLE = 0.75;

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
  const stands = await state.json();
  const whole = () => canvas.zoom('fit-viewport', 'auto');
  whole();
  // Where the whole would be too small to read, it begins at the present step, and what is over at its beginning.
  // The step is what somebody does now; events that only might still happen stand beside it from the beginning.
  const current = stands.current.map((id) => known.get(id)).filter(Boolean);
  const activity = current.find((one) => /Task|SubProcess|CallActivity/.test(one.type));
  const here = activity ?? current[0] ?? stands.done.map((id) => known.get(id)).find(Boolean);
  if (canvas.zoom() < READABLE && here) {
    const { inner } = canvas.viewbox();
    canvas.zoom(READABLE);
    const { width, height } = canvas.viewbox();
    // The step in the middle, but no further out than the edge of the diagram.
    const place = (at, size, room, from, length) =>
      length < room ? from - (room - length) / 2 : Math.min(Math.max(at + size / 2 - room / 2, from - 20), from + length - room + 20);
    canvas.viewbox({
      x: place(here.x, here.width, width, inner.x, inner.width),
      y: place(here.y, here.height, height, inner.y, inner.height),
      width,
      height,
    });
  }
  for (const button of document.querySelectorAll('[data-zoom]')) {
    button.hidden = false;
    button.addEventListener('click', () => {
      if (button.dataset.zoom === 'all') whole();
      else canvas.zoom(canvas.zoom() * Number(button.dataset.zoom));
    });
  }
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
