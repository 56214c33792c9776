// Narrows the list of demo people while somebody types; without it the list is simply long.
for (const search of document.querySelectorAll('[data-people-search]')) {
  search.hidden = false;
  const list = document.getElementById(search.dataset.peopleSearch);
  search.querySelector('input').addEventListener('input', (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const one of list.children) one.hidden = !one.textContent.toLowerCase().includes(wanted);
  });
}
