'use strict';
// Whatever comes from reports becomes text nodes and attribute values here, never HTML: the policy of the page forbids it, too.

const $ = (id) => document.getElementById(id);

// make('p', {class: 'quiet'}, 'text', child, ...)
function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'rect'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Only what has changed is written, so that a selection or the focus survives the second.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// Makes the children of `parent` those of `items`, by key, in order: `build(item)` makes one, `update(element, item)` fills it.
function each(parent, items, key, build, update) {
  const wanted = new Set(items.map(key));
  const known = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.itemKey)) known.set(child.itemKey, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    let element = known.get(key(item));
    if (!element) {
      element = build(item);
      element.itemKey = key(item);
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}

// A command with a button that copies it.
function command(text) {
  const button = make('button', {type: 'button', 'aria-label': 'Copy: ' + text}, 'Copy');
  const code = make('code', {}, text);
  button.addEventListener('click', async () => {
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {  // not over plain HTTP from another machine
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      done = document.execCommand('copy');
    }
    button.textContent = done ? 'Copied' : 'Selected';
    say($('said'), done ? 'Copied: ' + code.textContent : 'Selected: ' + code.textContent + '; copy it with the keyboard');
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return make('span', {class: 'command'}, code, button);
}

// 1234 -> "1,234", 1234567 -> "1.23 M"; null -> "?"
function count(value) {
  if (value === null || value === undefined) return '?';
  if (value >= 1e6) return (value / 1e6).toPrecision(3) + ' M';
  return Math.round(value).toLocaleString('en-US');
}

// 0.04 -> "0", 3.14 -> "3.1", 41.2 -> "41"
const rate = (value) => (value > 0 && value < 10 ? value.toFixed(1).replace(/\.0$/, '') : count(value));

function duration(seconds) {
  if (seconds === null || seconds === undefined) return '?';
  if (seconds < 0.05) return '< 0.1 s';
  if (seconds < 10) return seconds.toFixed(1) + ' s';
  if (seconds < 120) return Math.round(seconds) + ' s';
  if (seconds < 7200) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

const plural = (n, one, many = one + 's') => count(n) + ' ' + (n === 1 ? one : many);
