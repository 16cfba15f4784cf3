// The last 15 minutes. A sample: [at_ms, level, published, settled, lag_events, lag_seconds, backlog].

const span = 15 * 60 * 1000;
const longestGap = 5000;  // between two samples that belong to one line
const width = 900, height = 100;

const charts = [
  {name: 'Lag: rows waiting in PostgreSQL', unit: (n) => plural(n, 'row'), lines: [4], tell: (s) => [[count(s[4]), s[4] > 0 ? ` oldest ${duration(s[5])}` : '']]},
  {name: 'Backlog: events waiting in the stream', unit: (n) => plural(n, 'event'), lines: [6], tell: (s) => [[count(s[6]), '']]},
  {name: 'Throughput', unit: (n) => rate(n) + '/s', lines: [2, 3], tell: (s) => [[rate(s[2]) + '/s', ' published', 'one'], [rate(s[3]) + '/s', ' settled', 'two']]},
];

function niceCeiling(value) {
  if (value <= 5) return 5;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

const xOf = (at, now) => width - ((now - at) / span) * width;

// The points of a line, in pieces: where nobody reported there is a gap.
function pieces(samples, column, now, top) {
  const all = [];
  let last = null;
  for (const sample of samples) {
    if (sample[column] === null) { last = null; continue; }
    const point = [xOf(sample[0], now).toFixed(1), (height - (sample[column] / top) * height).toFixed(1)];
    if (last === null || sample[0] - last > longestGap) all.push([]);
    all[all.length - 1].push(point);
    last = sample[0];
  }
  return all;
}

function linePath(all) {
  return all.map((piece) => 'M' + piece.map((point) => point.join(' ')).join('L')).join('');
}

function areaPath(all) {
  return all.map((piece) => `M${piece[0][0]} ${height}L${piece.map((point) => point.join(' ')).join('L')}L${piece[piece.length - 1][0]} ${height}Z`).join('');
}

function buildChart(chart) {
  const svg = make('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img'},
    make('line', {x1: 0, x2: width, y1: height, y2: height}), make('line', {x1: 0, x2: width, y1: height / 2, y2: height / 2}), make('line', {x1: 0, x2: width, y1: 0, y2: 0}),
    make('path', {class: 'area'}), make('path', {class: 'line1'}), make('path', {class: 'line2'}), make('line', {class: 'cursor', y1: 0, y2: height, visibility: 'hidden'}));
  const top = make('span', {class: 'top'});
  const figure = make('figure', {}, make('figcaption', {}, make('span', {class: 'name'}, chart.name), make('span', {class: 'value'}), top),
    make('div', {class: 'plot'}, svg), make('div', {class: 'axis'}, make('span', {}, '15 minutes ago'), make('span', {}, 'now')));
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    chart.pointed = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    fillChart(figure, chart);
  });
  svg.addEventListener('pointerleave', () => {
    chart.pointed = undefined;
    fillChart(figure, chart);
  });
  return figure;
}

function fillChart(figure, chart) {
  const {samples, now} = chart;
  const top = niceCeiling(Math.max(0, ...samples.flatMap((sample) => chart.lines.map((column) => sample[column] || 0))));
  const [area, first, second] = figure.querySelectorAll('path');
  const main = pieces(samples, chart.lines[0], now, top);
  set(first, 'd', linePath(main));
  set(area, 'd', chart.lines.length === 1 ? areaPath(main) : '');
  if (chart.lines.length > 1) set(second, 'd', linePath(pieces(samples, chart.lines[1], now, top)));
  say(figure.querySelector('.top'), 'up to ' + chart.unit(top));

  const cursor = figure.querySelector('.cursor');
  let shown = chart.live;
  let when = '';
  if (chart.pointed !== undefined && samples.length > 0) {
    const at = now - span * (1 - chart.pointed);
    shown = samples.reduce((best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best));
    when = ', ' + duration((now - shown[0]) / 1000) + ' ago';
    const x = xOf(shown[0], now).toFixed(1);
    set(cursor, 'x1', x);
    set(cursor, 'x2', x);
  }
  set(cursor, 'visibility', when ? 'visible' : 'hidden');
  const parts = chart.tell(shown);
  each(figure.querySelector('.value'), parts.map(([value, words, kind = ''], index) => ({value, words: words + (index === parts.length - 1 ? when : ' '), kind, index})),
    (one) => one.index, (one) => make('span', {class: one.kind}, make('b'), make('small')),
    (element, one) => { say(element.children[0], one.value); say(element.children[1], one.words); });
  set(figure.querySelector('svg'), 'aria-label', `${chart.name}: ${parts.map((part) => part.join(' ')).join(', ')}; the scale goes up to ${chart.unit(top)}`);
}

// Neighbours of one verdict are one bar.
function drawStrip(samples, now) {
  const bars = [];
  for (const [at, level] of samples) {
    const last = bars[bars.length - 1];
    if (last && last.level === level && at - last.to <= longestGap) last.to = at;
    else {
      if (last && at - last.to <= longestGap) last.to = at;
      bars.push({level, from: at, to: at});
    }
  }
  const svg = $('strip').firstElementChild;
  each(svg, bars, (bar) => bar.from, () => make('rect', {y: 0, height: 10}), (rect, bar) => {
    const from = Math.max(0, xOf(bar.from, now));
    set(rect, 'data-level', String(bar.level));
    set(rect, 'x', from.toFixed(1));
    set(rect, 'width', Math.max(1, xOf(bar.to, now) - from).toFixed(1));
  });
  const share = (level) => samples.filter((sample) => sample[1] === level).length;
  set(svg, 'aria-label', `Verdict over the last 15 minutes: ok for ${duration(share(0))}, degraded for ${duration(share(1))}, down for ${duration(share(2))}`);
}

function drawHistory(samples, status) {
  const now = status.healthd.now_ms;
  const live = [now, null, status.rates.published, status.rates.settled, status.lag.events, status.lag.seconds, status.backlog];
  for (const chart of charts) Object.assign(chart, {samples, now, live});
  each($('charts'), charts, (chart) => chart.name, buildChart, fillChart);
  drawStrip(samples, now);
}
