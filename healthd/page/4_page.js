// Asks healthd once a second and shows what it says; says so when it does not answer.

const words = {
  ok: ['✓', 'ok', 'Nothing holds events up, and every expected process reports.'],
  degraded: ['!', 'degraded', 'It goes on, but somebody should look.'],
  down: ['✕', 'down', 'Events do not get through.'],
};

const reasonsOfFailure = {
  network: 'no connection, or it broke', timeout: 'no answer in time', tls: 'TLS failed', refused_address: 'address not allowed', circuit_open: 'circuit open after many failures',
  http_3xx: 'redirect (HTTP 3xx)', http_4xx: 'refused (HTTP 4xx)', http_410: 'gone (HTTP 410)', http_429: 'too many requests (HTTP 429)', http_5xx: 'server error (HTTP 5xx)',
  template: 'template', smtp: 'mail server', database: 'database', undecodable: 'not an event', max_deliveries: 'delivered too often',
  oversize: 'too large', subject: 'no legal subject', timestamp: 'impossible timestamp', duplicate_id: 'id used twice',
};

let samples = [];
let heard = null;  // when healthd last answered, by our own clock
let silentSince = null;
let version = null;  // of the healthd that this page comes from

function drawVerdict(status) {
  const [sign, level, summary] = words[status.status];
  set($('verdict'), 'data-level', level);
  say($('sign'), sign);
  say($('level'), level);
  const n = status.reasons.length;
  say($('summary'), n === 0 ? summary : summary + ' ' + plural(n, 'reason') + ':');
  each($('reasons'), status.reasons.map((one, index) => ({...one, key: one.code + ' ' + index})), (one) => one.key,
    (one) => make('li', {}, make('span', {class: 'pill'}), make('span', {class: 'text'}), command(one.command)),
    (item, one) => {
      const [pill, text, copy] = item.children;
      set(pill, 'data-level', one.level);
      say(pill, one.level);
      say(text, one.text);
      if (copy.firstElementChild.textContent !== one.command) copy.replaceWith(command(one.command));
    });
  document.title = (level === 'ok' ? '' : sign + ' ' + level + ' · ') + 'fraiseql observers';
  const colour = {ok: '14713f', degraded: 'c77700', down: 'b3202a'}[level];
  set($('icon'), 'href', `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="%23${colour}"/></svg>`);
}

function stateOf(one) {
  if (one.reports === 'silent') return ['down', 'silent'];
  if (one.reports === 'late') return ['degraded', 'late'];
  if (Object.keys(one.problems).length > 0 || one.postgres === 'unreachable' || one.jetstream === 'unreachable') return ['degraded', one.state];
  return [one.state === 'running' ? 'ok' : 'unknown', one.state];
}

function doing(one) {
  const parts = [];
  if (one.leads) parts.push('leads');
  if (one.details.position_pk) parts.push('at row ' + one.details.position_pk);
  if (one.details.held) parts.push(one.details.held + ' held');
  if (one.details.running_actions) parts.push(plural(Number(one.details.running_actions) || 0, 'action') + ' running');
  for (const peer of ['postgres', 'jetstream']) if (one[peer] === 'unreachable') parts.push(peer + ' unreachable');
  for (const text of Object.values(one.problems)) parts.push(text);
  return parts.join(' · ');
}

function drawProcesses(status) {
  // In the order in which events pass them.
  const order = (one) => (one.component === 'pg2nats-bridge' ? 0 : 1);
  const components = [...status.components].sort((a, b) => order(a) - order(b));
  each($('processes').tBodies[0], components, (one) => one.component + '\n' + one.instance,
    () => {
      const cells = Array.from({length: 8}, () => make('td', {role: 'cell'}, make('span')));
      cells[0].firstElementChild.setAttribute('class', 'pill');
      return make('tr', {role: 'row'}, ...cells);
    },
    (row, one) => {
      const [level, state] = stateOf(one);
      set(row.cells[0].firstElementChild, 'data-level', level);
      const rates = one.component === 'pg2nats-bridge' ? rate(one.rates.published) + '/s published' : rate(one.rates.settled) + '/s settled';
      const texts = [state, one.component, one.instance, `${one.host}, pid\u00a0${one.pid}`, duration(one.heard_seconds_ago) + ' ago',
        duration(Math.max(0, status.healthd.now_ms - one.started_at_ms) / 1000), one.reports === 'in time' && one.state === 'running' ? rates : '–', doing(one)];
      texts.forEach((text, index) => say(row.cells[index].firstElementChild, text));
    });
  $('nobody').hidden = status.components.length > 0;
  $('processes').hidden = status.components.length === 0;
  $('past').hidden = status.past.length === 0;
  each($('past').lastElementChild, [...status.past].reverse().map((one, index) => ({...one, index})), (one) => one.index, () => make('li'),
    (item, one) => say(item, `${one.component} ${one.instance} ${one.why}, ${duration(one.seconds_ago)} ago`));
}

function drawLetters(status) {
  const letters = status.dead_letters;
  const kept = $('kept');
  if (!kept.firstChild) {
    kept.append(make('b'), make('span'));
    $('letters-command').append(command('fraiseql dlq list'));
  }
  const known = letters.kept !== null;
  say(kept.firstChild, known ? count(letters.kept) : '');
  say(kept.lastChild, (!known ? 'Nobody tells how many are kept' : letters.kept === 1 ? ' is kept' : ' are kept') +
    (letters.dropped > 0 ? `, ${count(letters.dropped)} dropped because max_dlq_size was reached` : ''));
  $('letters-command').hidden = !letters.kept;
  const rows = [...Object.entries(letters.unpublishable).map(([reason, n]) => ({reason, n, where: 'bridge'})),
    ...Object.entries(letters.failed).map(([reason, n]) => ({reason, n, where: 'executor'}))].filter((row) => row.n > 0).sort((a, b) => b.n - a.n);
  each($('letters').tBodies[0], rows, (row) => row.where + row.reason, () => make('tr', {}, make('td'), make('td'), make('td')),
    (row, one) => [reasonsOfFailure[one.reason] || one.reason, one.where, count(one.n)].forEach((text, index) => say(row.cells[index], text)));
  $('letters').hidden = rows.length === 0;
}

function remember(status) {
  const now = status.healthd.now_ms;
  // A clock that was set back would keep the new samples out.
  samples = samples.filter((sample) => sample[0] > now - span && sample[0] <= now);
  const last = samples.length > 0 ? samples[samples.length - 1][0] : 0;
  samples.push(...status.history.filter((sample) => sample[0] > last));
  drawHistory(samples, status);
}

function drawLink() {
  const link = $('link');
  const gone = silentSince !== null;
  set(link, 'class', gone ? 'gone' : heard === null ? 'wait' : 'live');
  say(link, gone ? 'healthd does not answer' : heard === null ? 'connecting' : 'live');
  set($('main'), 'class', gone ? 'gone' : '');
  const notice = $('gone');
  if (notice.hidden === gone) notice.hidden = !gone;
  if (!gone) return;
  if (heard !== null && $('verdict').dataset.level !== 'unknown') {
    say($('summary'), `It was ${$('level').textContent} when healthd last answered.`);
    say($('level'), 'unknown');
    say($('sign'), '?');
    set($('verdict'), 'data-level', 'unknown');
  }
  const since = new Date(silentSince).toLocaleTimeString('en-GB');
  say(notice, `healthd has not answered since ${since}. ` + (heard === null ? '' : 'What stands here is what it said last. ') + 'Trying again every second.');
  document.title = '✕ healthd does not answer · fraiseql observers';
}

async function answer() {
  const since = samples.length > 0 ? samples[samples.length - 1][0] : 0;
  const response = await fetch('status.json?since=' + since, {cache: 'no-store', signal: AbortSignal.timeout(3000)});
  if (!response.ok) throw new Error('HTTP ' + response.status);
  return response.json();
}

function draw(status) {
  // Another healthd may say other things than we know how to draw; it has a page of its own.
  version = version || status.healthd.version;
  if (version !== status.healthd.version) return location.reload();
  drawVerdict(status);
  drawPipeline(status);
  remember(status);
  drawProcesses(status);
  drawLetters(status);
  say($('healthd'), `healthd ${status.healthd.version}, running for ${duration((status.healthd.now_ms - status.healthd.started_at_ms) / 1000)}`);
}

async function ask() {
  const began = Date.now();
  const status = await answer().catch(() => null);
  if (status) heard = Date.now();
  silentSince = status ? null : silentSince || heard || began;
  try {
    if (status) draw(status);
  } finally {  // a defect of ours is on the console, and the next second is another one
    drawLink();
    setTimeout(ask, Math.max(200, 1000 - (Date.now() - began)));
  }
}

drawLink();
ask();
