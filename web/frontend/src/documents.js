// The print button of documents; they print without it from the browser's menu.
import './documents/documents.css';

document.querySelector('[data-print]')?.addEventListener('click', () => print());
