// The states of workers as the scoreboard names them: letter, word, colour and shape, drawn alike in cells and legend.

/// `color`: the name of a custom property in style.css.
export const kStates = {
  _: { word: 'idle', color: '--idle' },
  B: { word: 'busy', color: '--busy' },
  S: { word: 'starting', color: '--starting' },
  D: { word: 'draining', color: '--draining' },
  K: { word: 'signalled', color: '--signalled' },
  T: { word: 'template', color: '--template' },
  Z: { word: 'stopped by a signal', color: '--stopped' },
  '.': { word: 'no worker', color: '--vacant' },
};

export const wordOf = (state) => kStates[state]?.word ?? `state ${state}`;

const polygon = (path, points) => {
  points.forEach(([x, y], index) => (index === 0 ? path.moveTo(x, y) : path.lineTo(x, y)));
  path.closePath();
};

/// Each adds its outline, within the square of side s at (x, y), to a path; `line`: the width of the line if it is not filled.
const kShapes = {
  _: { line: (s) => Math.max(1, Math.round(s / 12)), add: (path, x, y, s, line) => path.rect(x + line / 2, y + line / 2, s - line, s - line) },
  B: { add: (path, x, y, s) => path.rect(x, y, s, s) },
  S: { add: (path, x, y, s) => polygon(path, [[x + s / 2, y], [x + s, y + s], [x, y + s]]) },
  D: { add: (path, x, y, s) => polygon(path, [[x, y], [x + s, y], [x + s / 2, y + s]]) },
  K: {
    line: (s) => Math.max(1.5, s / 5),
    add: (path, x, y, s, line) => {
      const edge = line / 2.5;
      path.moveTo(x + edge, y + edge);
      path.lineTo(x + s - edge, y + s - edge);
      path.moveTo(x + s - edge, y + edge);
      path.lineTo(x + edge, y + s - edge);
    },
  },
  T: { add: (path, x, y, s) => polygon(path, [[x + s / 2, y], [x + s, y + s / 2], [x + s / 2, y + s], [x, y + s / 2]]) },
  Z: {
    add: (path, x, y, s) => {
      const bar = Math.max(1, Math.round(s * 0.36));
      path.rect(x, y, bar, s);
      path.rect(x + s - bar, y, bar, s);
    },
  },
  '.': {
    add: (path, x, y, s) => {
      const dot = Math.max(1, Math.round(s / 5));
      path.rect(x + (s - dot) / 2, y + (s - dot) / 2, dot, dot);
    },
  },
};

/// Draws one state at all `corners` ([[x, y], …]) as one path: thousands of single drawings take longer than a frame.
export function drawState(context, state, corners, size, colors) {
  const known = kShapes[state] ? state : '.';
  const { line, add } = kShapes[known];
  const width = line?.(size);
  context.beginPath();
  for (const [x, y] of corners) add(context, x, y, size, width);
  if (width === undefined) {
    context.fillStyle = colors[known];
    context.fill();
  } else {
    context.strokeStyle = colors[known];
    context.lineWidth = width;
    context.stroke();
  }
}

/// The colours of the scheme, light or dark, that is in force.
export function currentColors() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(Object.entries(kStates).map(([state, { color }]) => [state, style.getPropertyValue(color).trim()]));
}
