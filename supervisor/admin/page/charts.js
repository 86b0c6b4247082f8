// One figure of one pool: its number now, and its last 15 minutes as a chart. Uses the global uPlot.
import { h, setAttribute, setText } from './dom.js';
import { kSeconds } from './history.js';
import { timeOfDay } from './format.js';

const kHeight = 76;
const kAxis = 46;
const kHalfText = 14;  // of a time of day, in pixels
const kSync = uPlot.sync('figures');
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/// The least round number that is not below: 1, 2, 5, 10, 20, …
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-3)));
  return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= value * 0.999);
}

/// How some seconds become one point; undefined: there is no figure.
const kReduce = {
  most: (values) => (values.length > 0 ? Math.max(...values) : undefined),
  least: (values) => (values.length > 0 ? Math.min(...values) : undefined),
  mean: (values) => (values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined),
};

/// With a key of the lines, if they have names.
function label({ label: text, lines }) {
  const keys = lines.filter(({ name }) => name).map(({ name, color: of }) => h('span', { class: 'line-key', 'data-color': of }, name));
  return h('span', { class: 'label' }, text, ...keys);
}

/// The full five minutes of a chart that ends at `end`, but for one so near to its edge that the text would be cut. In a narrow
/// chart every second one.
function fiveMinutes(end, width) {
  const edge = Math.min(kHalfText / width, 0.2) * kSeconds;
  const first = Math.ceil((end - kSeconds + edge) / 300) * 300;
  const all = [first, first + 300, first + 600].filter((at) => at < end - edge);
  return width < 160 ? all.filter((at) => at % 600 === 0) : all;
}

export class Chart {
  #plot = null;
  #data = null;
  #last = null;  // the second of the last figures, and how many there were
  #length = 0;
  #spec;
  #visible = false;
  #dirty = false;
  #texts = { value: '', unit: '' };
  #hovered = null;
  #observers;

  /// `spec`: {label, lines: [{color, fill, stepped, name, joined, how}], format, least, exact}. The scale reaches at least to `least`, and to a round
  /// number above the greatest figure; `exact`: to that figure itself.
  /// `joined`: a line goes on over seconds without a figure. `how`: a name of kReduce.
  constructor(spec) {
    this.#spec = spec;
    this.value = h('span', { class: 'value' });
    this.unit = h('span', { class: 'unit' });
    this.area = h('div', { class: 'chart', role: 'img', 'aria-label': spec.label });
    this.figure = h('figure', { class: 'tile' }, h('figcaption', {}, label(spec), this.value, this.unit), this.area);
    this.#observers = [new ResizeObserver(() => this.#resize()), new IntersectionObserver(([entry]) => this.#show(entry.isIntersecting))];
    for (const observer of this.#observers) observer.observe(this.area);
  }

  /// `lines`: an array of numbers and nulls for each line of the spec, as long as `time`.
  update(time, lines, value, unit) {
    this.#texts = { value, unit };
    if (this.#hovered === null) this.#write(value, unit);
    if (time.at(-1) === this.#last && time.length === this.#length) return;
    this.#last = time.at(-1);
    this.#length = time.length;
    this.#data = [time, ...lines];
    const most = Math.max(...lines.map((line) => line.reduce((top, each) => Math.max(top, each ?? 0), 0)));
    setAttribute(this.area, 'aria-label', `${this.#spec.label}: now ${value} ${unit}; at most ${this.#spec.format(most)} in the last 15 minutes`);
    this.#dirty = true;
    if (this.#visible) this.#draw();
  }

  setTone(tone) {
    setAttribute(this.figure, 'data-tone', tone);
  }

  recolor() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#dirty = true;
    if (this.#visible) this.#draw();
  }

  /// The library keeps each chart that shares its pointer with others until it is told.
  remove() {
    for (const observer of this.#observers) observer.disconnect();
    this.#visible = false;
    this.#plot?.destroy();
    this.#plot = null;
  }

  #show(visible) {
    this.#visible = visible;
    if (visible && this.#dirty) this.#draw();
  }

  #draw() {
    const width = this.area.clientWidth;
    if (!this.#data || width === 0) return;
    this.#dirty = false;
    const shown = this.#thinned(width - kAxis);
    if (this.#plot) this.#plot.setData(shown);
    else this.#plot = new uPlot(this.#options(width), shown, this.area);
  }

  /// What fits: a point for every second pixel. Each stands for some seconds, always for the same ones, so that a line does not flicker.
  #thinned(width) {
    const step = Math.max(1, Math.ceil((2 * kSeconds) / Math.max(width, 1)));
    const [time, ...lines] = this.#data;
    const times = [];
    const indices = [];  // of the seconds of each point
    let last = null;
    time.forEach((second, index) => {
      const group = Math.floor(second / step);
      if (last !== null && group > last + 1) {  // a hole
        times.push((last + 1) * step);
        indices.push([]);
      }
      if (group !== last) {
        indices.push([]);
        times.push(second);
      }
      times[times.length - 1] = second;
      indices.at(-1).push(index);
      last = group;
    });
    const thin = (line, how) => indices.map((group) => kReduce[how](group.map((index) => line[index]).filter((value) => value !== null)) ?? null);
    return [times, ...lines.map((line, number) => thin(line, this.#spec.lines[number].how))];
  }

  #resize() {
    const width = this.area.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: kHeight });
      this.#plot.setData(this.#thinned(width - kAxis));
    } else if (!this.#plot && this.#visible) {
      this.#draw();
    }
  }

  #options(width) {
    const { lines, format } = this.#spec;
    const axis = { stroke: color('--muted'), font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: color('--grid'), width: 1 } };
    const end = () => this.#data[0].at(-1) ?? Date.now() / 1000;
    return {
      width, height: kHeight, padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: kSync.key, setSeries: false }, drag: { x: false, y: false, setScale: false }, y: false, points: { size: 5 } },
      hooks: { setCursor: [(plot) => this.#hover(plot.cursor.idx)] },
      scales: { x: { range: () => [end() - kSeconds, end()] }, y: { range: (_, __, max) => [0, this.#top(max ?? 0)] } },
      axes: [
        { ...axis, size: 18, gap: 3, grid: { show: false }, splits: (plot) => fiveMinutes(end(), plot.width - kAxis), values: (_, splits) => splits.map((at) => timeOfDay(at * 1000).slice(0, 5)) },
        { ...axis, size: kAxis, gap: 4, splits: (plot) => [0, plot.scales.y.max / 2, plot.scales.y.max], values: (_, splits) => splits.map((value, index) => (index === 1 ? '' : format(value).replace('.0 ', ' '))) },
      ],
      series: [{}, ...lines.map((line) => ({
        stroke: color(line.color), width: 1.5, fill: line.fill ? color(line.fill) : undefined, points: { show: false }, spanGaps: line.joined === true,
        paths: line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
      }))],
    };
  }

  #top(most) {
    const { least, exact } = this.#spec;
    return exact ? Math.max(most, least) : roundUp(Math.max(most, least));
  }

  #hover(index) {
    this.#hovered = index ?? null;
    if (this.#hovered === null) {
      this.#write(this.#texts.value, this.#texts.unit);
      return;
    }
    const values = this.#plot.data.slice(1).map((line) => this.#spec.format(line[index] ?? NaN));
    this.#write(values.join(' / '), `at ${timeOfDay(this.#plot.data[0][index] * 1000)}`);
  }

  #write(value, unit) {
    setText(this.value, value);
    setText(this.unit, unit);
  }
}
