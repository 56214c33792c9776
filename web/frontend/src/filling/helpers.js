// Two small helps with long forms: how far a score sheet is filled in, beside the buttons, and finding a choice
// among many. Without them the sheet has its total below, and the list of choices is simply long.
const english = document.documentElement.lang.startsWith('en');

/** Shows "12/19 · total" of the longest column that is added up. */
export function showProgress(form, items) {
  const bar = form.querySelector('.cl-actionbar');
  if (!bar || !items) return;
  const note = document.createElement('span');
  note.className = 'cl-filled';
  const update = () => {
    let most = [];
    let total = '';
    for (const output of items.querySelectorAll('output[data-total]')) {
      const [list, key] = output.dataset.total.split(/\.(?=[^.]+$)/);
      const fields = [...items.querySelectorAll(`[name^="${CSS.escape(list)}."][name$=".${CSS.escape(key)}"]`)];
      if (fields.length > most.length) [most, total] = [fields, output.textContent];
    }
    const filled = most.filter((one) => one.value.trim()).length;
    const words = english ? `${filled}/${most.length} filled · total ${total}` : `已填 ${filled}/${most.length} · 合计 ${total}`;
    if (most.length < 5) note.remove();
    else if (note.textContent !== words || !note.isConnected) {
      note.textContent = words;
      bar.prepend(note);
    }
  };
  form.addEventListener('input', update);
  // Totals come from the server, rows are drawn anew.
  new MutationObserver(update).observe(items, { subtree: true, childList: true, characterData: true });
  update();
}

/** Narrows a long list of choices while somebody types above it; what is ticked stays in sight. */
export function findChoices(form) {
  form.addEventListener('input', (event) => {
    if (!event.target.matches('[data-find-choice]')) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const one of event.target.nextElementSibling.children) {
      one.hidden = !one.textContent.toLowerCase().includes(wanted) && !one.querySelector('input')?.checked;
    }
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target.matches('[data-find-choice]')) event.preventDefault();
  });
}
