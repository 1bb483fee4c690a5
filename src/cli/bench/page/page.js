// The page of `settle bench report`: what the runs' JSON says, side by side.

const runs = JSON.parse(document.getElementById('runs').textContent);
const colour_of = (i) => `var(--run${i % 8})`;
const shown = runs.map(() => true);
const several = runs.length > 1;
const targets = new Set(runs.map((run) => `${run.request} at ${run.url}`));
const plots = [];
const visible = () => runs.map((run, i) => [run, i]).filter(([, i]) => shown[i]);

function toggle(label, pressed, change) {
  const button = make('button', {type: 'button', 'aria-pressed': pressed}, ...label);
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', on);
    change(on);
    for (const plot of plots) plot.redraw();
  });
  return button;
}

function card(title, hint, controls, describe, wide) {
  const plot = plot_node(describe);
  plots.push(plot);
  return make('section', {class: wide ? 'card wide' : 'card'},
              make('div', {class: 'head'}, make('h2', {}, title), ...controls),
              make('p', {class: 'hint'}, hint), plot);
}

// Plots over time

const signed = (t) => `${t < 0 ? '−' : ''}${number(Math.abs(t))}`;

function time_axis() {
  const ends = runs.flatMap((run) => run.series.map((s) => s.t_s + s.seconds));
  const low = Math.min(0, ...runs.flatMap((run) => run.series.map((s) => s.t_s)));
  const high = Math.max(...ends, 1);
  return {
    title: 'time since the measured window began [s]', low, high,
    ticks: linear_ticks(low, high, 8).map((t) => [t, signed(t)]),
    name: (t) => `${signed(t)} s`,
  };
}

function over_time(key) {
  return (run) => run.series.map((s) => [s.t_s + s.seconds / 2, s[key]]);
}

function time_plot(y, lines) {
  const x = time_axis();
  return {x, y, lines, shade: x.low < 0 ? [x.low, 0, 'warm-up'] : undefined};
}

function rate_card() {
  return card('Rate over time', 'Answers in each step of the run.', [], () => time_plot(
      {title: 'answers per second [1/s]', tick: number, format: number},
      visible().map(([run, i]) => ({name: run.label, colour: colour_of(i),
                                    points: over_time('rate_per_s')(run)}))));
}

function latency_card() {
  const kinds = [
    {key: 'p50_us', name: 'p50', dash: '2 4', on: !several},
    {key: 'p99_us', name: 'p99', on: true},
    {key: 'max_us', name: 'max', dash: '8 4', on: !several},
  ];
  let log = true;
  const controls = kinds.map((kind) => toggle([kind.name], kind.on, (on) => { kind.on = on; }));
  controls.push(toggle(['log axis'], log, (on) => { log = on; }));
  return card('Latency over time',
              'Of the requests answered in each step: p50 dotted, p99 solid, max dashed.',
              controls, () => time_plot(
      {...latency_axis, log},
      visible().flatMap(([run, i]) => kinds.filter((k) => k.on).map((k) => ({
        name: several ? `${run.label}, ${k.name}` : k.name, colour: colour_of(i), dash: k.dash,
        points: over_time(k.key)(run),
      })))));
}

function failure_card() {
  const rate = (key) => (run) =>
      run.series.map((s) => [s.t_s + s.seconds / 2, s[key] / s.seconds]);
  return card('Refusals and errors over time',
              'Refusals (4xx, solid) are answers by the rules; errors (dashed) are the rest.',
              [], () => time_plot(
      {title: 'answers per second [1/s]', tick: number, format: number},
      visible().flatMap(([run, i]) => [
        {name: `${run.label}, refused`, colour: colour_of(i), points: rate('refused')(run)},
        {name: `${run.label}, errors`, colour: colour_of(i), points: rate('errors')(run),
         dash: '6 4'},
      ])), true);
}

// The distribution: the axis shows 1 / (1 - fraction) logarithmically, so each nine is as wide

const nines = (fraction) => -Math.log10(1 - fraction);

function percentile(n) {
  const digits = Math.max(0, Math.ceil(n) - 2);
  return `${(100 * (1 - 10 ** -n)).toFixed(digits)} %`;
}

function distribution_card() {
  let log = true;
  const points = (run) => {
    const all = run.distribution_us;
    const last = all.length > 1 ? nines(all[all.length - 2][0]) : 1;
    // The slowest request is at infinity; it is drawn just behind the others.
    return all.map(([fraction, us]) => [fraction < 1 ? nines(fraction) : last + 0.06, us]);
  };
  return card('Latency distribution',
              'What so many percent of the requests did not exceed; a line ends with the slowest.',
              [toggle(['log axis'], log, (on) => { log = on; })], () => {
    const high = Math.max(1, ...runs.flatMap((run) => points(run).map((p) => p[0])));
    const ticks = [[0, '0 %'], [nines(0.5), '50 %']];
    for (let n = 1; n <= high; ++n) ticks.push([n, percentile(n)]);
    return {
      x: {title: 'percentile of the requests [%]', low: 0, high, ticks,
          name: (n) => n === 0 ? 'fastest' : `${percentile_near(n)} of the requests`},
      y: {...latency_axis, log},
      lines: visible().map(([run, i]) => ({name: run.label, colour: colour_of(i),
                                           points: points(run)})),
    };
  }, true);
}

function percentile_near(n) {
  return `${(100 * (1 - 10 ** -n)).toFixed(Math.max(1, Math.ceil(n)))} %`;
}

// The table

function load_text(run) {
  const load = run.load;
  const spread = load.spacing === 'exponential' ? ', exponential' : '';
  if (load.mode === 'users') {
    return `${number(load.users)} users, ${load.think_s} s think time${spread}`;
  }
  if (load.mode === 'rate') {
    return `${number(load.intended_rate_per_s)} /s${spread}, at most ` +
        `${number(run.connections)} connections`;
  }
  return `${number(run.connections)} connections`;
}

function workload_text(run) {
  const w = run.workload;
  if (!w) return '';
  if (w.orders_by === 'others') return 'shop as it was';
  const items = {uniform: 'uniform items', hot: 'one hot item',
                 zipf: `items by Zipf ${w.theta}`}[w.items];
  const failing = w.failing_wanted > 0
      ? `, ${number(100 * w.failing_wanted)} % must fail for lack of ${w.failing_by}` : '';
  return `${items}, ${w.items_per_order} an order${failing}`;
}

const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
const percent = (share) => `${number(Number((100 * share).toPrecision(3)))} %`;

function rows() {
  const quantiles = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'];
  const statuses = [...new Set(runs.flatMap((run) => Object.keys(run.answers)))].sort();
  return [
    {name: 'rate', value: (r) => r.rate_per_s, format: (v) => `${number(v)} /s`, best: Math.max},
    {name: 'rate intended', value: (r) => r.load.intended_rate_per_s,
     format: (v) => `${number(v)} /s`},
    ...quantiles.map((q) => ({name: `latency ${q}`, value: (r) => r.latency_us[q],
                              format: duration, best: Math.min})),
    ...statuses.map((s) => ({name: `answers ${s}`, value: (r) => r.answers[s], format: number})),
    {name: 'requests without an answer', value: (r) => sum(r.errors) || undefined, format: number},
    {name: 'checkouts refused', value: (r) => r.workload?.failing_wanted > 0
        ? r.workload.failing_found : undefined, format: percent},
    {name: 'most behind', value: (r) => r.load.most_behind_s, format: (v) => `${number(v)} s`},
    {name: 'sent late, p99', value: (r) => r.load.sent_late_us?.p99, format: duration},
    {name: 'generator', value: (r) => r.generator_cores, format: (v) => `${percent(v)} of a core`},
    {name: 'load', value: load_text, text: true},
    {name: 'workload', value: workload_text, text: true},
    ...(targets.size > 1 ? [{name: 'request', value: (r) => r.request, text: true},
                            {name: 'target', value: (r) => r.url, text: true}] : []),
    {name: 'measured', value: (r) => r.measured_s, format: (v) => `${number(v)} s`},
    {name: 'started', value: (r) => new Date(r.started_at_s * 1000).toISOString().slice(0, 16)
        .replace('T', ' ') + ' UTC', text: true},
  ];
}

function table(of_rows, heading) {
  // A best one exists only among runs of the same load.
  const loads = new Set(runs.map((run) => load_text(run) + workload_text(run)));
  const alike = several && loads.size === 1;
  const head = make('tr', {}, make('th', {}, ''), ...runs.map((run, i) => make('th', {scope: 'col'},
      make('span', {class: 'dot', style: `background:${colour_of(i)}`}), run.label)));
  const body = of_rows.map((row) => {
    const values = runs.map(row.value);
    const best = alike && row.best ? row.best(...values.filter((v) => v !== undefined)) : NaN;
    return make('tr', {}, make('td', {}, row.name), ...values.map((value) => {
      const text = value === undefined || value === null ? '–'
          : row.text ? value : row.format(value);
      return make('td', {class: value === best ? 'best' : row.text ? 'text' : ''}, text);
    }));
  });
  return make('table', {}, ...(heading ? [make('thead', {}, head)] : []),
              make('tbody', {}, ...body));
}

function table_card() {
  const filled = rows().filter((row) => runs.some((run) => row.value(run)));
  const tables = several ? [table(filled, true)]
      : [table(filled.filter((row) => row.best), false),
         table(filled.filter((row) => !row.best), false)];
  return make('section', {class: 'card'},
              make('div', {class: 'head'}, make('h2', {}, 'Key figures')),
              make('div', {class: 'scroll'}, ...tables), ...remarks());
}

/// What makes a figure mean something else than it seems to.
function remarks() {
  const all = [];
  for (const run of runs) {
    const whose = () => several ? make('b', {}, `${run.label}: `) : '';
    const say = (text) => all.push(make('li', {}, whose(), text));
    if (run.generator_is_the_bottleneck) {
      say('the load generator was the bottleneck; the target may be faster than this.');
    }
    if (run.load.generator_was_late) {
      say('the load generator sent late; the load was not the one asked for.');
    }
    if (run.load.fell_behind) {
      const lost = number(run.load.not_sent);
      say(`the rate asked for was not kept: requests waited up to ` +
          `${number(run.load.most_behind_s)} s for a connection` +
          (lost === '0' ? '.' : `, and ${lost} were never sent, so they are in no latency.`));
    }
    if (run.ran_out_of_orders) say('all orders were checked out before the end.');
  }
  return all.length > 0 ? [make('ul', {class: 'remarks'}, ...all)] : [];
}

// The page

document.getElementById('title').textContent =
    several ? `settle bench: ${runs.length} runs` : runs[0].label;
document.title = several ? `settle bench: ${runs.map((run) => run.label).join(', ')}`
                         : `settle bench: ${runs[0].label}`;
document.getElementById('subtitle').textContent =
    targets.size === 1 ? [...targets][0] : `${targets.size} different requests or targets`;
if (several) {
  document.getElementById('legend').append(...runs.map((run, i) => toggle(
      [make('span', {class: 'dot', style: `background:${colour_of(i)}`}), run.label], true,
      (on) => { shown[i] = on; })));
}
const failures = runs.some((run) => run.series.some((s) => s.refused + s.errors > 0));
document.getElementById('page').append(table_card(), make('div', {class: 'plots'},
    rate_card(), latency_card(), distribution_card(), ...(failures ? [failure_card()] : [])));
