// Line numbers beside a text, and the jump to a line that has a problem.
import './designer/text.css';
import { toast } from './base.js';

for (const place of document.querySelectorAll('[data-code]')) {
  const area = place.querySelector('textarea');
  const lines = place.querySelector('.ds-lines');
  const count = () => {
    const wanted = area.value.split('\n').length;
    lines.textContent = Array.from({ length: wanted }, (_, at) => at + 1).join('\n');
    lines.scrollTop = area.scrollTop;
  };
  const jump = (line) => {
    const rows = area.value.split('\n');
    const start = rows.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (rows[line - 1] ?? '').length);
    area.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(area).lineHeight));
  };
  area.addEventListener('input', count);
  area.addEventListener('scroll', () => { lines.scrollTop = area.scrollTop; });
  let saved = area.value;
  area.form?.addEventListener('submit', () => { saved = area.value; });
  addEventListener('beforeunload', (event) => { if (area.value !== saved && !area.readOnly) event.preventDefault(); });
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 's' && !area.readOnly) {
      event.preventDefault();
      area.form.requestSubmit();
    }
  });
  for (const row of document.querySelectorAll('[data-problems] [data-line]')) {
    row.addEventListener('click', (event) => {
      if (!row.dataset.line) return;
      event.preventDefault();
      jump(Number(row.dataset.line));
    });
  }
  count();
  if (place.dataset.line) jump(Number(place.dataset.line));
  if (area.readOnly) toast(document.documentElement.lang.startsWith('en') ? 'Read only: the draft is not being edited' : '只读：草稿不在编辑状态', 'info');
}
