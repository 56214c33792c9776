// What every page has: CSRF on requests, confirmations, one click counts once, times in words, closing menus.
// Pages work without it.

const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? '';

/** fetch() of this site with the CSRF header; other origins get nothing of ours. */
export async function request(address, options = {}) {
  const url = new URL(address, location.href);
  const headers = new Headers(options.headers);
  if (url.origin === location.origin && !['GET', 'HEAD'].includes((options.method ?? 'GET').toUpperCase())) {
    headers.set('X-CSRFToken', csrf());
  }
  headers.set('X-Requested-With', 'fetch');
  return fetch(url, { credentials: 'same-origin', ...options, headers });
}

/** Says something at the edge of the page; `kind` is ok, info, soon, overdue or stop. */
export function toast(text, kind = 'ok') {
  let place = document.querySelector('.cl-toasts');
  if (!place) {
    place = document.createElement('div');
    place.className = 'cl-toasts';
    place.setAttribute('role', 'status');
    document.body.append(place);
  }
  const note = document.createElement('div');
  note.className = `cl-toast cl-toast--${kind}`;
  const words = document.createElement('span');
  words.textContent = text;
  const close = document.createElement('button');
  close.type = 'button';
  close.textContent = '×';
  close.setAttribute('aria-label', document.documentElement.lang.startsWith('en') ? 'Close' : '关闭');
  close.addEventListener('click', () => note.remove());
  note.append(words, close);
  place.append(note);
  if (kind === 'ok' || kind === 'info') setTimeout(() => note.remove(), 6000);
}

const bar = document.querySelector('.cl-actionbar');
if (bar) {
  new ResizeObserver(() => document.documentElement.style.setProperty('--cl-bar-height', `${bar.offsetHeight}px`)).observe(bar);
}

const english = document.documentElement.lang.startsWith('en');

/** Asks before something that is hard to undo; resolves to true or false. */
export function ask(question, { yes, danger = false } = {}) {
  const dialog = document.createElement('dialog');
  dialog.className = 'cl-dialog';
  const form = document.createElement('form');
  form.method = 'dialog';
  const body = document.createElement('div');
  body.className = 'cl-dialog-body';
  body.id = 'cl-question';
  body.textContent = question;
  const foot = document.createElement('footer');
  for (const [value, label, look] of [
    ['no', english ? 'Cancel' : '取消', ''],
    ['yes', yes ?? (english ? 'Confirm' : '确定'), danger ? 'cl-btn--danger' : 'cl-btn--primary'],
  ]) {
    const button = document.createElement('button');
    button.value = value;
    button.className = `cl-btn ${look}`;
    button.textContent = label;
    foot.append(button);
  }
  form.append(body, foot);
  dialog.append(form);
  dialog.setAttribute('aria-labelledby', body.id);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes');
      dialog.remove();
    });
  });
}

// data-confirm="question" on a form or on a submit button.
// A form that has been sent is not sent again until the page is shown anew.
const sent = new WeakSet();
const agreed = new WeakSet();
document.addEventListener('submit', async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (form.method === 'dialog' || event.defaultPrevented) return;
  const question = button?.dataset.confirm ?? form.dataset.confirm;
  // What will be refused is not asked about: the answer says what is missing. Browsers look at `required` themselves.
  const needed = form.elements[button?.dataset.needs];
  if (question && !agreed.has(form) && needed?.value.trim() !== '') {
    event.preventDefault();
    const yes = button?.dataset.confirmYes ?? (button?.textContent.trim() || undefined);
    if (await ask(question, { yes, danger: button?.classList.contains('cl-btn--danger') })) {
      agreed.add(form);
      form.requestSubmit(button ?? undefined);
    }
    return;
  }
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  if (form.method === 'get' || form.dataset.again !== undefined) return;
  sent.add(form);
  button?.setAttribute('aria-busy', 'true');
});
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload(); // from the back cache: what it shows may be done already
});

// <time datetime="…" data-relative>: words beside the exact time, counted from the page's own clock
// (<meta name="now">), which a demo moves.
const pageNow = () => {
  const given = document.querySelector('meta[name="now"]')?.content;
  return given ? new Date(given).getTime() : Date.now();
};
const scales = [['year', 31557600], ['month', 2629800], ['day', 86400], ['hour', 3600], ['minute', 60]];
function relative(at, now) {
  const words = new Intl.RelativeTimeFormat(english ? 'en' : 'zh-CN', { numeric: 'auto' });
  const seconds = (at - now) / 1000;
  for (const [unit, size] of scales) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return english ? 'just now' : '刚刚';
}
const now = pageNow();
for (const element of document.querySelectorAll('time[datetime][data-relative]')) {
  const at = Date.parse(element.dateTime);
  if (Number.isNaN(at)) continue;
  element.title ||= element.textContent.trim();
  element.textContent = relative(at, now);
}

// Menus (details.cl-menu) close on Escape and on a click beside them.
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.cl-menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.cl-menu[open]')) {
    menu.open = false;
    menu.querySelector('summary')?.focus();
  }
});
