// Saving a file of a draft: who saved meanwhile is told, what is wrong is listed, nothing is lost on leaving.
import { request, toast } from '../base.js';
import { h } from './elements.js';
import { t } from './words.js';

/** Lists problems below the editor; `mark` is told the elements concerned. */
export function listProblems(problems, mark = () => {}) {
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

/**
 * Wires the save button and Ctrl+S to `content`; returns what is called when something was changed.
 * `settle`: how many milliseconds the editor takes to write down what was typed last.
 */
export function connectSave(place, content, { mark, settle = 0 } = {}) {
  const button = document.querySelector('[data-save]');
  const status = document.querySelector('[data-state]');
  let version = place.dataset.version;
  let dirty = false;

  async function save() {
    document.activeElement?.blur();
    if (settle) await new Promise((resolve) => { setTimeout(resolve, settle); });
    if (!dirty) {
      toast(t('没有改动，不用保存', 'Nothing was changed'), 'info');
      return;
    }
    button.setAttribute('aria-busy', 'true');
    status.textContent = t('正在保存…', 'Saving…');
    try {
      const body = new FormData();
      body.set('version', version);
      body.set('content', await content());
      const answer = await request(place.dataset.saveTo, { method: 'POST', body });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.text);
      version = said.version;
      dirty = false;
      listProblems(said.problems, mark);
      const errors = said.problems.filter((one) => one.severity === 'error').length;
      status.textContent = t('已保存', 'Saved') + (errors ? t(`，本文件有 ${errors} 处错误`, `; ${errors} errors in this file`) : t('，检查通过', '; the check is clean'));
      toast(status.textContent, errors ? 'soon' : 'ok');
    } catch (error) {
      status.textContent = t('没有保存', 'Not saved');
      toast(error.message, 'stop');
    } finally {
      button.removeAttribute('aria-busy');
    }
  }

  button.disabled = false;
  button.addEventListener('click', save);
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault();
      save();
    }
  });
  addEventListener('beforeunload', (event) => { if (dirty) event.preventDefault(); });
  return {
    touched: (changed = true) => {
      dirty = changed !== false;
      if (dirty) status.textContent = t('有改动尚未保存', 'Unsaved changes');
    },
  };
}
