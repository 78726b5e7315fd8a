// Keys, dragging over the histogram, and copying. Every page works without
// this file: it only presses links and sends forms that are there already.
'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  // ---- keys
  const typing = (e) => e.target.closest('input, textarea, select, [contenteditable]');

  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && e.target.id === 'q') { e.target.blur(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
    if (e.key === '/') {
      const q = one('#q');
      if (q) { q.focus(); q.setSelectionRange(q.value.length, q.value.length); } else { location.href = '/'; }
    } else if (e.key === '?') {
      one('#shortcuts').togglePopover();
    } else if (e.key === 'h' && one('[data-chart]')) {
      focusBar(all('[data-chart] a').findLast((a) => Number(a.dataset.records) > 0) || one('[data-chart] a'));
    } else if ((e.key === 'j' || e.key === 'k' || e.key === 'ArrowDown' || e.key === 'ArrowUp') && step(e)) {
      // moved to another row
    } else {
      const link = all('[data-key]').find((a) => a.dataset.key === e.key);
      if (!link) return;
      link.click();
    }
    e.preventDefault();
  });

  // Rows: j and k move, Enter opens because it is a link that has the focus.
  function step(e) {
    const rows = all('a[data-row]');
    if (!rows.length) return false;
    const at = rows.indexOf(document.activeElement);
    const arrow = e.key.startsWith('Arrow');
    if (arrow && at < 0) return false; // arrows scroll until a row has the focus
    const down = e.key === 'j' || e.key === 'ArrowDown';
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + (down ? 1 : -1)))];
    next.focus({ preventScroll: true });
    next.closest('tr').scrollIntoView({ block: 'nearest' });
    return true;
  }

  // A click anywhere in a row opens it, unless text was being selected.
  document.addEventListener('click', (e) => {
    const row = e.target.closest('tr');
    const link = row && row.querySelector('a[data-row]');
    if (!link || e.target.closest('a, button') || String(getSelection())) return;
    if (e.ctrlKey || e.metaKey) window.open(link.href, '_blank', 'noopener'); else link.click();
  });

  // The link back to the search is the search one came from, page and all.
  const back = one('[data-back]');
  if (back && document.referrer) {
    const from = new URL(document.referrer);
    if (from.origin === location.origin && from.pathname === '/') back.href = from.pathname + from.search;
    else if (sessionStorage.search) back.href = '/' + sessionStorage.search;
  }
  if (location.pathname === '/') sessionStorage.search = location.search;

  // ---- values beside the results: Alt leaves out
  document.addEventListener('click', (e) => {
    const value = e.altKey && e.target.closest('a[data-facet]');
    if (!value) return;
    e.preventDefault();
    value.nextElementSibling.click();
  });

  // ---- local time, as a title: the page itself says UTC
  document.addEventListener('mouseover', (e) => {
    const time = e.target.closest && e.target.closest('time');
    if (!time || time.title) return;
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' }) + ' (your clock)';
  });

  // ---- copying
  if (navigator.clipboard) {
    for (const button of all('[data-copy]')) {
      button.hidden = false;
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = 'Copied';
        setTimeout(() => { button.textContent = 'Copy'; }, 1500);
      });
    }
  }

  // ---- histogram
  const chart = one('[data-chart]');
  if (!chart) return;
  const bars = all('a', chart);
  const brush = chart.querySelector('.brush');
  const readout = one('.readout');
  let anchor = -1; // the bar where a range began
  let head = -1; // the bar where it ends

  // One stop for Tab instead of one for each bar; arrows go on from there.
  for (const bar of bars) bar.setAttribute('tabindex', '-1');
  if (bars.length) bars[bars.length - 1].setAttribute('tabindex', '0');

  function focusBar(bar) {
    if (!bar) return;
    for (const other of bars) other.setAttribute('tabindex', '-1');
    bar.setAttribute('tabindex', '0');
    bar.focus();
  }

  function range() { return [Math.min(anchor, head), Math.max(anchor, head)]; }

  function show() {
    if (anchor < 0) { brush.setAttribute('width', '0'); return; }
    const [a, b] = range();
    const x = (i) => parseFloat(bars[i].querySelector('.hit').getAttribute('x'));
    const w = parseFloat(bars[b].querySelector('.hit').getAttribute('width'));
    brush.setAttribute('x', x(a) + '%');
    brush.setAttribute('width', x(b) - x(a) + w + '%');
    let n = 0;
    for (let i = a; i <= b; i++) n += Number(bars[i].dataset.records);
    readout.textContent = bars[a].dataset.from + ' until ' + bars[b].dataset.until + ': ' + n.toLocaleString('en') + (n === 1 ? ' event' : ' events');
  }

  function drop() { anchor = head = -1; show(); readout.textContent = ''; }

  function choose() {
    const [a, b] = range();
    const form = one('.range');
    form.elements.after.value = bars[a].dataset.from;
    form.elements.before.value = bars[b].dataset.until;
    form.requestSubmit();
  }

  const barAt = (e) => {
    const box = chart.getBoundingClientRect();
    return Math.min(bars.length - 1, Math.max(0, Math.floor((e.clientX - box.left) / box.width * bars.length)));
  };

  chart.addEventListener('dragstart', (e) => e.preventDefault());
  chart.addEventListener('pointerdown', (e) => {
    if (e.button !== 0 || e.ctrlKey || e.metaKey) return;
    anchor = head = barAt(e);
    chart.setPointerCapture(e.pointerId);
  });
  chart.addEventListener('pointermove', (e) => {
    if (chart.hasPointerCapture(e.pointerId)) { head = barAt(e); show(); return; }
    readout.textContent = bars[barAt(e)].getAttribute('aria-label');
  });
  chart.addEventListener('pointerleave', () => { if (anchor < 0) readout.textContent = ''; });
  chart.addEventListener('pointerup', (e) => {
    if (!chart.hasPointerCapture(e.pointerId)) return;
    chart.releasePointerCapture(e.pointerId);
    choose();
  });
  chart.addEventListener('pointercancel', drop);
  chart.addEventListener('click', (e) => { if (!e.ctrlKey && !e.metaKey && e.detail > 0) e.preventDefault(); });

  chart.addEventListener('keydown', (e) => {
    const at = bars.indexOf(document.activeElement);
    if (at < 0 || e.ctrlKey || e.metaKey || e.altKey) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 7, PageDown: at + 7, Home: 0, End: bars.length - 1 }[e.key];
    if (to !== undefined) {
      const next = Math.min(bars.length - 1, Math.max(0, to));
      if (e.shiftKey) { if (anchor < 0) anchor = at; head = next; show(); } else { drop(); readout.textContent = bars[next].getAttribute('aria-label'); }
      focusBar(bars[next]);
    } else if (e.key === 'Enter' && anchor >= 0) {
      choose();
    } else if (e.key === 'Escape' && anchor >= 0) {
      drop();
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  });
  chart.addEventListener('focusin', (e) => {
    const bar = e.target.closest('a');
    if (bar && anchor < 0) readout.textContent = bar.getAttribute('aria-label');
  });
})();
