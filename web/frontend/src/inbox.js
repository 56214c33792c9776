// The desk by keyboard: j/k move, Enter opens, c claims, a presses the main button, r returns, w full width, / search.
import { request, toast } from './base.js';

const offline = document.documentElement.lang.startsWith('en')
  ? 'No connection; what you typed is still here'
  : '网络不通，您填写的内容还在页面上';

const typing = (target) => target.closest('input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable]');
const rows = () => [...document.querySelectorAll('a[data-task]')];

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const here = all.findIndex((one) => one === document.activeElement);
  const open = all.findIndex((one) => one.getAttribute('aria-current') === 'true');
  const from = here >= 0 ? here : open;
  const next = all[Math.min(Math.max(from + step, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

function press(key) {
  const target = document.querySelector(`[data-key="${key}"]`);
  if (target) target.click();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target) || document.querySelector('dialog[open]')) return;
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    c: () => press('c'),
    a: () => press('a'),
    r: () => press('r'),
    w: () => press('w'),
    '/': () => (document.querySelector('#inbox-search') ?? document.querySelector('#site-search'))?.focus(),
    '?': () => document.querySelector('#keys')?.showModal(),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// The list stays where it was while one task after another is opened.
const list = document.querySelector('.cl-list');
list?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest' });

// Choosing another grouping needs no further click.
document.querySelector('#inbox-group')?.addEventListener('change', (event) => event.target.form.requestSubmit());

// Links marked data-dialog open the small page they lead to as a dialog; without script it is a page.
document.addEventListener('click', async (event) => {
  const link = event.target.closest('a[data-dialog]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.closest('details')?.removeAttribute('open');
  const answer = await request(link.href);
  if (!answer.ok) {
    location.assign(link.href);
    return;
  }
  const dialog = document.createElement('dialog');
  dialog.className = 'cl-dialog';
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  dialog.innerHTML = await answer.text();
  document.body.append(dialog);
  const begin = () => (dialog.querySelector('[aria-invalid="true"]') ?? dialog.querySelector('textarea, select, input:not([type="hidden"])'))?.focus();
  // What is wrong is said in the dialog; what is right leads on, as the server says.
  dialog.addEventListener('submit', async (inner) => {
    inner.preventDefault();
    const form = inner.target;
    if (form.inert) return;
    form.inert = true; // one click counts once
    try {
      const reply = await request(form.action, { method: 'POST', body: new FormData(form, inner.submitter) });
      if (reply.headers.get('Content-Type')?.includes('json')) {
        const said = await reply.json();
        if (reply.ok) {
          location.assign(said.to);
          return;
        }
        toast(said.text, 'stop');
      } else {
        dialog.innerHTML = await reply.text();
        begin();
        return;
      }
    } catch {
      toast(offline, 'stop');
    }
    form.inert = false;
  });
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (inner) => {
    if (inner.target === dialog || inner.target.closest('[data-close]')) {
      inner.preventDefault();
      dialog.close();
    }
  });
  dialog.showModal();
  begin();
});
