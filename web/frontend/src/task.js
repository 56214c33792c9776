// Helps with filling in a form: drafts saved by themselves, conditions asked of the server, files sent as they are
// chosen, rows added in place. Without it the same buttons reload the page.
import { request, toast } from './base.js';
import { findChoices, showProgress } from './filling/helpers.js';

const form = document.querySelector('#form');
const english = document.documentElement.lang.startsWith('en');
const words = english
  ? { saving: 'Saving…', failed: 'Not saved: ', sending: 'Sending ', remove: 'Remove', offline: 'no connection; what you typed is still here' }
  : { saving: '正在保存…', failed: '未保存：', sending: '正在上传 ', remove: '移除', offline: '网络不通，您填写的内容还在页面上' };

if (form) {
  form.classList.add('is-live');
  const items = form.querySelector('#form-items');
  const saved = form.querySelector('[data-saved]');
  let changed = false;
  let busy = null;
  let timer = 0;
  let leaving = false;

  const body = () => {
    const data = new FormData(form);
    for (const [name, value] of [...data.entries()]) if (value instanceof File) data.delete(name);
    return data;
  };
  const say = (text) => {
    if (saved) saved.textContent = text;
  };

  const apply = (state) => {
    for (const [path, hidden] of Object.entries(state.hidden ?? {})) {
      for (const box of form.querySelectorAll(`[data-box="${CSS.escape(path)}"]`)) box.hidden = hidden;
    }
    for (const [path, text] of Object.entries(state.totals ?? {})) {
      for (const output of form.querySelectorAll(`[data-total="${CSS.escape(path)}"]`)) output.textContent = text;
    }
  };

  const save = async () => {
    clearTimeout(timer);
    if (!changed || leaving) return;
    changed = false;
    busy?.abort();
    busy = new AbortController();
    const data = body();
    data.set('_state', '1');
    try {
      if (form.dataset.draft) say(words.saving);
      const answer = await request(form.dataset.draft ?? form.dataset.redraw, { method: 'POST', body: data, signal: busy.signal });
      const state = await answer.json();
      if (answer.ok) {
        if (state.saved) say(state.saved);
        apply(state);
      } else {
        say(words.failed + state.text);
      }
    } catch (error) {
      if (error.name === 'AbortError') return;
      changed = true;
      say(words.failed + words.offline);
    }
  };
  const touch = (wait) => {
    changed = true;
    clearTimeout(timer);
    if (form.dataset.draft || form.dataset.live !== undefined) timer = setTimeout(save, wait);
  };
  form.addEventListener('input', (event) => {
    if (event.target.type !== 'file') touch(1200);
  });
  form.addEventListener('change', (event) => {
    if (event.target.type !== 'file') touch(form.dataset.live !== undefined ? 100 : 600);
  });
  addEventListener('pagehide', () => {
    if (changed && !leaving && form.dataset.draft) navigator.sendBeacon(form.dataset.draft, body());
  });

  // Buttons that change the form's rows or files: done in place, the rest of the page stays.
  form.addEventListener('submit', async (event) => {
    const button = event.submitter;
    const small = button?.name === '_add' || button?.name === '_remove' || button?.name === '_drop' || button?.name === '_none';
    if (button?.dataset.save !== undefined) {
      event.preventDefault();
      changed = true;
      await save();
      return;
    }
    if (!small) {
      leaving = true;
      clearTimeout(timer);
      busy?.abort();
      // A question may still be answered with no: base.js keeps this submit then.
      setTimeout(() => { leaving = event.defaultPrevented ? false : leaving; }, 0);
      return;
    }
    event.preventDefault();
    if (button.name === '_none') return;
    const data = body();
    data.set(button.name, button.value);
    const answer = await request(form.dataset.redraw, { method: 'POST', body: data });
    const result = await answer.json();
    if (!answer.ok) {
      toast(result.text, 'stop');
      return;
    }
    items.innerHTML = result.html;
    prepare(items);
    const place = form.querySelector(`#f-${CSS.escape(result.touched)}`)?.closest('[data-box]');
    const rows = place?.querySelectorAll('tbody tr, .cl-row-block');
    const target = button.name === '_add' ? rows?.[rows.length - 1]?.querySelector('input:not([type="hidden"]), select, textarea') : null;
    (target ?? place?.querySelector('[tabindex="-1"]'))?.focus();
  });

  // Files go one by one as they are chosen, and their reference stays in the form.
  const send = async (place, input) => {
    const list = place.querySelector('.cl-files');
    for (const file of input.files) {
      const line = document.createElement('li');
      line.textContent = `${words.sending}${file.name}`;
      list.hidden = false;
      list.append(line);
      const data = new FormData();
      data.set('_path', place.dataset.upload);
      data.set('_file', file);
      const organisation = form.elements._organisation?.value;
      if (organisation) data.set('_organisation', organisation);
      try {
        const answer = await request(form.dataset.files, { method: 'POST', body: data });
        const result = await answer.json();
        if (!answer.ok) throw new Error(result.text);
        show(line, place.dataset.upload, result);
        touch(50);
      } catch (error) {
        line.className = 'cl-error';
        line.textContent = error instanceof TypeError ? words.offline : error.message;
        line.setAttribute('role', 'alert');
      }
    }
    input.value = '';
  };
  const show = (line, path, file) => {
    line.textContent = '';
    const reference = document.createElement('input');
    reference.type = 'hidden';
    reference.name = path;
    reference.value = file.id;
    const link = document.createElement('a');
    link.href = file.address;
    link.textContent = file.name;
    const size = document.createElement('span');
    size.className = 'cl-muted';
    size.textContent = file.size < 1048576 ? `${Math.max(1, Math.round(file.size / 1024))} KB` : `${(file.size / 1048576).toFixed(1)} MB`;
    const remove = document.createElement('button');
    remove.type = 'button';
    remove.className = 'cl-btn cl-btn--plain cl-btn--small';
    remove.textContent = words.remove;
    remove.setAttribute('aria-label', `${words.remove} ${file.name}`);
    remove.addEventListener('click', () => {
      line.remove();
      touch(50);
    });
    line.append(reference, link, size, remove);
  };
  const prepare = (root) => {
    for (const place of root.querySelectorAll('[data-upload]')) {
      const input = place.querySelector('input[type="file"]');
      input.addEventListener('change', () => send(place, input));
      for (const kind of ['dragover', 'dragleave', 'drop']) {
        place.addEventListener(kind, (event) => {
          event.preventDefault();
          place.classList.toggle('is-over', kind === 'dragover');
          if (kind === 'drop') {
            input.files = event.dataTransfer.files;
            send(place, input);
          }
        });
      }
    }
  };
  if (items) prepare(items);
  showProgress(form, items);
  findChoices(form);

  const phrases = form.querySelector('[data-phrases]');
  if (phrases) {
    phrases.hidden = false;
    phrases.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (!button) return;
      const opinion = form.querySelector('#opinion');
      opinion.value = opinion.value.trim() ? `${opinion.value.trim()} ${button.textContent}` : button.textContent;
      opinion.focus();
      touch(600);
    });
  }
  document.querySelector('#errors')?.focus();
}
