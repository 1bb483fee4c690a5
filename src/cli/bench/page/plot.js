'use strict';
// Line plots in SVG: axes with titles, a tooltip that follows the pointer, redrawn when resized.

const svg_names = new Set(['svg', 'g', 'line', 'path', 'rect', 'text', 'circle']);

function make(name, attributes, ...children) {
  const node = svg_names.has(name) ? document.createElementNS('http://www.w3.org/2000/svg', name)
                                   : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/// 12345.6 -> "12,346"; three digits below 100.
function number(value) {
  if (value === 0) return '0';  // -0 too
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/// Three digits with a unit: "873 µs", "22.0 ms".
function duration(us) {
  const [value, unit] = us < 999.5 ? [us, 'µs'] : us < 999500 ? [us / 1e3, 'ms'] : [us / 1e6, 's'];
  const decimals = value === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(decimals)} ${unit}`;
}

const latency_axis = {title: 'latency [ms]', tick: (us) => number(us / 1e3), format: duration};

/// Round numbers from 0 or `low` up to `high`, about `wanted` of them.
function linear_ticks(low, high, wanted) {
  const rough = Math.max(high - low, 1e-9) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) + 1e-12; ++i) {
    ticks.push(i * step);
  }
  return ticks;
}

function log_ticks(low, high) {
  const decades = Math.log10(high / low);
  const steps = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
    for (const step of steps) {
      const tick = step * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

/// The range of the values above 0, with a little room, for a logarithmic axis.
function log_range(values) {
  const positive = values.filter((v) => v > 0);
  if (positive.length === 0) return [1, 10];
  const low = Math.min(...positive) / 1.15, high = Math.max(...positive) * 1.15;
  return high / low < 3 ? [low / 1.5, high * 1.5] : [low, high];
}

/// plot: {lines: [{name, colour, dash, points: [[x, y]...]}], x: {title, low, high, ticks: [[x,
/// text]...], name(x)}, y: {title, log, tick(y), format(y)}, shade: [from, to, text]}. The node
/// draws itself at the width it is given.
function plot_node(describe) {
  const holder = make('div', {class: 'plot'});
  let width = 0;
  holder.redraw = () => {
    if (width > 0) holder.replaceChildren(...drawn(describe(), width));
  };
  new ResizeObserver(() => {
    if (holder.clientWidth === width) return;  // only the height has changed, by the drawing
    width = holder.clientWidth;
    holder.redraw();
  }).observe(holder);
  return holder;
}

function drawn(plot, width) {
  const height = Math.round(Math.min(340, Math.max(250, width * 0.46)));
  const box = {left: 74, right: width - 14, top: 12, bottom: height - 46};
  const values = plot.lines.flatMap((l) => l.points.map((p) => p[1]));
  const highest = Math.max(...values, 0);
  const [low, high] = plot.y.log ? log_range(values) : [0, highest > 0 ? highest * 1.15 : 1];
  const up = plot.y.log ? (v) => Math.log(Math.max(v, low) / low) / Math.log(high / low)
                        : (v) => v / high;
  const at_y = (v) => box.bottom - up(v) * (box.bottom - box.top);
  const span = plot.x.high - plot.x.low || 1;
  const at_x = (v) => box.left + (v - plot.x.low) / span * (box.right - box.left);

  const svg = make('svg', {viewBox: `0 0 ${width} ${height}`, height, role: 'img',
                           'aria-label': `${plot.y.title} by ${plot.x.title}`});
  if (plot.shade) svg.append(...shade(plot.shade, box, at_x));
  for (const tick of plot.y.log ? log_ticks(low, high) : linear_ticks(0, high, 5)) {
    const y = at_y(tick);
    svg.append(make('line', {class: 'grid', x1: box.left, x2: box.right, y1: y, y2: y}),
               make('text', {x: box.left - 8, y: y + 4, 'text-anchor': 'end'},
                    plot.y.tick(tick)));
  }
  let labelled = -Infinity;
  for (const [value, text] of plot.x.ticks) {
    const x = at_x(value);
    svg.append(make('line', {class: 'grid', x1: x, x2: x, y1: box.top, y2: box.bottom}));
    if (x - labelled < 48) continue;  // it would run into the last one
    labelled = x;
    svg.append(make('text', {x, y: box.bottom + 18, 'text-anchor': 'middle'}, text));
  }
  const middle = (box.top + box.bottom) / 2;
  svg.append(
      make('line', {class: 'axis', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom}),
      make('text', {class: 'title', x: (box.left + box.right) / 2, y: height - 6,
                    'text-anchor': 'middle'}, plot.x.title),
      make('text', {class: 'title', x: 14, y: middle, 'text-anchor': 'middle',
                    transform: `rotate(-90 14 ${middle})`}, plot.y.title));
  for (const line of plot.lines) svg.append(...line_nodes(line, at_x, at_y));
  return [svg, ...pointer(svg, plot, box, at_x, at_y, width)];
}

function shade([from, to, text], box, at_x) {
  const nodes = [make('rect', {class: 'shade', x: at_x(from), y: box.top,
                               width: at_x(to) - at_x(from), height: box.bottom - box.top})];
  if (at_x(to) - at_x(from) > 60) {
    nodes.push(make('text', {x: at_x(from) + 6, y: box.top + 15}, text));
  }
  return nodes;
}

function line_nodes(line, at_x, at_y) {
  const style = `stroke:${line.colour}`;
  if (line.points.length === 1) {
    const [x, y] = line.points[0];
    return [make('circle', {cx: at_x(x), cy: at_y(y), r: 3.5, style: `fill:${line.colour}`})];
  }
  const path = line.points.map(([x, y], i) => {
    const to = `${at_x(x).toFixed(1)} ${at_y(y).toFixed(1)}`;
    return (i === 0 ? 'M' : 'L') + to;
  });
  return [make('path', {class: 'line', d: path.join(''), style,
                        'stroke-dasharray': line.dash ?? 'none'})];
}

function nearest(points, x) {
  return points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
}

function pointer(svg, plot, box, at_x, at_y, width) {
  const cross = make('line', {class: 'cross', y1: box.top, y2: box.bottom});
  const tip = make('div', {class: 'tip'});
  svg.append(cross);
  const lines = plot.lines.filter((l) => l.points.length > 0);
  const show = (on) => {
    cross.style.visibility = tip.style.visibility = on && lines.length > 0 ? 'visible' : 'hidden';
  };
  svg.addEventListener('pointerleave', () => show(false));
  svg.addEventListener('pointermove', (event) => {
    const frame = svg.getBoundingClientRect();
    const x = (event.clientX - frame.left) * width / frame.width;
    if (lines.length === 0 || x < box.left || x > box.right) return show(false);
    const part = (x - box.left) / (box.right - box.left);
    const value = plot.x.low + part * (plot.x.high - plot.x.low);
    const snapped = nearest(lines.flatMap((l) => l.points), value)[0];
    const rows = lines.map((line) => {
      const dot = make('span', {class: 'dot', style: `background:${line.colour}`});
      return make('div', {}, dot, `${line.name}: `,
                  make('b', {}, plot.y.format(nearest(line.points, snapped)[1])));
    });
    tip.replaceChildren(make('div', {}, plot.x.name(snapped)), ...rows);
    cross.setAttribute('x1', at_x(snapped));
    cross.setAttribute('x2', at_x(snapped));
    tip.style.top = `${box.top + 4}px`;
    const right = at_x(snapped) > width / 2;
    tip.style.left = right ? 'auto' : `${at_x(snapped) + 12}px`;
    tip.style.right = right ? `${width - at_x(snapped) + 12}px` : 'auto';
    show(true);
  });
  return [tip];
}
