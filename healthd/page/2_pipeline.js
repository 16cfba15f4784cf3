// The way of an event, drawn: a node for each part, an arrow with its rate between two of them.

const worse = (...levels) => (levels.includes('down') ? 'down' : levels.includes('degraded') ? 'degraded' : levels.includes('ok') ? 'ok' : 'unknown');

function crew(status, component) {
  const all = status.components.filter((one) => one.component === component);
  const there = all.filter((one) => one.reports === 'in time');
  return {all, there, missing: all.length - there.length};
}

function crewLevel({all, there, missing}, wanted) {
  if (there.length === 0) return wanted || all.length > 0 ? 'down' : 'unknown';
  return missing > 0 || there.some((one) => Object.keys(one.problems).length > 0) ? 'degraded' : 'ok';
}

function sum(components, detail) {
  return components.reduce((all, one) => all + (Number(one.details[detail]) || 0), 0);
}

function postgresNode(status) {
  const reach = status.databases.primary.status;
  const lag = status.lag.events;
  const lines = [reach === 'ok' ? 'reachable' : reach === 'down' ? 'not reachable' : 'no process tells of it'];
  if (lag !== null) lines.push(lag > 0 ? `${plural(lag, 'row')} wait, the oldest for ${duration(status.lag.seconds)}` : 'no row waits');
  return {name: 'PostgreSQL', level: reach === 'unknown' ? 'unknown' : reach, lines};
}

function bridgeNode(status) {
  const bridges = crew(status, 'pg2nats-bridge');
  const leader = bridges.there.find((one) => one.leads);
  const lines = [leader ? leader.instance + ' leads' : bridges.all.length > 0 ? 'nobody leads' : 'none reports'];
  const idle = bridges.there.filter((one) => !one.leads).length;
  if (idle > 0) lines.push(plural(idle, 'other stands by', 'others stand by'));
  if (bridges.missing > 0) lines.push(plural(bridges.missing, 'process is silent', 'processes are silent'));
  if (leader) lines.push(`${plural(status.in_flight, 'message')} in flight`);
  const trouble = status.reasons.filter((one) => one.code === 'no_leader' || one.code === 'position_stands').map((one) => one.level);
  return {name: 'Bridge', level: worse(crewLevel(bridges, trouble.length > 0), leader ? 'ok' : 'degraded', ...trouble), lines};
}

function streamNode(status) {
  const connected = status.observers.connected;
  const lines = [status.observers.stream, connected ? 'JetStream answers' : 'JetStream is not reached'];
  if (status.backlog !== null) lines.push(status.backlog > 0 ? `${plural(status.backlog, 'event')} wait` : 'no event waits');
  const trouble = status.reasons.filter((one) => ['no_stream', 'stream_made_anew', 'jetstream_unreachable', 'drift', 'stream_nearly_full', 'publish_refused'].includes(one.code));
  return {name: 'Stream', level: worse(connected ? 'ok' : 'down', ...trouble.map((one) => one.level)), lines};
}

function executorsNode(status) {
  const executors = crew(status, 'executor');
  const wanted = status.reasons.some((one) => one.code === 'no_executor');
  const lines = [executors.there.length > 0 ? plural(executors.there.length, 'process reports', 'processes report') : 'none reports'];
  if (executors.missing > 0) lines.push(plural(executors.missing, 'is silent', 'are silent'));
  if (executors.there.length > 0) lines.push(`${plural(sum(executors.there, 'held'), 'event')} held`);
  if (status.observers.transport !== 'nats' && status.backlog !== null) lines.push(`${plural(status.backlog, 'event')} wait`);
  const settles = status.reasons.filter((one) => one.code === 'nothing_settled').map((one) => one.level);
  return {name: 'Executors', level: worse(crewLevel(executors, wanted), ...settles), lines};
}

function actionsNode(status) {
  const {there} = crew(status, 'executor');
  const lines = [`${count(sum(there, 'running_actions'))} running`];
  if (status.dead_letters.kept !== null) lines.push(plural(status.dead_letters.kept, 'dead letter'));
  const letters = status.reasons.some((one) => one.code === 'dead_letters' || one.code === 'dlq_unwritable');
  return {name: 'Actions', level: there.length === 0 ? 'unknown' : letters ? 'degraded' : 'ok', lines};
}

function pipelineOf(status) {
  const {rates} = status;
  const read = {value: rates.read, what: 'read'};
  const published = {value: rates.published, what: 'published'};
  const settled = {value: rates.settled, what: 'settled'};
  const actions = {value: rates.actions, what: 'tries', bad: rates.action_errors};
  const executors = {...executorsNode(status), arrow: actions};
  if (status.observers.transport === 'nats')
    return [{...postgresNode(status), arrow: read}, {...bridgeNode(status), arrow: published}, {...streamNode(status), arrow: settled}, executors, actionsNode(status)];
  if (status.observers.transport === 'postgres') return [{...postgresNode(status), arrow: settled}, executors, actionsNode(status)];
  return [executors, actionsNode(status)];
}

function drawPipeline(status) {
  each($('pipeline'), pipelineOf(status), (node) => node.name,
    (node) => {
      const item = make('li', {}, make('div', {class: 'node'}, make('h3', {}, node.name), make('div')));
      if (node.arrow) item.append(make('div', {class: 'arrow'}, make('b'), make('i'), make('small'), make('small', {class: 'bad'})));
      return item;
    },
    (item, node) => {
      const box = item.firstElementChild;
      set(box, 'data-level', node.level);
      each(box.lastElementChild, node.lines.map((text, index) => ({text, index})), (one) => one.index, () => make('p'), (p, one) => say(p, one.text));
      if (!node.arrow) return;
      const arrow = item.lastElementChild;
      const [value, , what, bad] = arrow.children;
      set(arrow, 'class', node.arrow.value > 0 ? 'arrow flows' : 'arrow');
      say(value, rate(node.arrow.value) + '/s');
      say(what, node.arrow.what);
      say(bad, node.arrow.bad > 0 ? rate(node.arrow.bad) + '/s fail' : '');
    });
}
