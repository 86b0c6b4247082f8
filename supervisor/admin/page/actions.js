// Restart, scale, reload, stop: each is confirmed in a dialog that says what will happen, and sent with the token.
//
// The token is asked for once and kept in this page's memory only: not in any storage, so it ends with the tab.
import { h, setText } from './dom.js';
import { count, counted, plain } from './format.js';

/// {title, text, button, danger, input, body, done} of each action. `at`: {status, pool}; `pool` is null for the whole supervisor.
const kActions = {
  restart: ({ status, pool }) => {
    const pools = pool ? [pool] : status.pools.filter((each) => !each.removed);
    const workers = pools.reduce((sum, each) => sum + each.wanted, 0);
    const again = pools.filter((each) => each.rollout?.outcome === 'failed').map((each) => plain(each.name));
    return {
      title: pool ? `Restart pool ${plain(pool.name)}` : 'Restart all pools',
      text: [`${counted(workers, 'worker')} ${workers === 1 ? 'is' : 'are'} replaced by the configuration in force. A new worker is on trial first; no connection is cut.`,
        again.length > 0 ? `The last rollout of ${again.join(', ')} failed: that version is tried again.` : null],
      button: pool ? `Restart ${plain(pool.name)}` : 'Restart all',
      body: pool ? { pool: pool.name } : {},
      done: (result) => `Workers are being replaced: ${(result.pools ?? []).map(plain).join(', ')}.`,
    };
  },
  scale: ({ pool }) => ({
    title: `Scale pool ${plain(pool.name)}`,
    text: [`Sets the number of workers until the next reload; now it is ${count(pool.wanted)}, configured ${count(pool.configured)}. Surplus workers finish their connections first.`],
    button: `Scale ${plain(pool.name)}`,
    input: { label: 'Workers', value: pool.wanted },
    body: { pool: pool.name },
    done: (result) => `${plain(result.pool)}: ${result.elastic ? 'at most ' : ''}${counted(result.workers, 'worker')}, before ${count(result.before)}.`,
  }),
  reset_failed: ({ pool }) => ({
    title: `Start failed workers of pool ${plain(pool.name)}`,
    text: ['The failed workers are started at once, without the wait that the failures before have made longer.'],
    button: 'Start them now',
    body: { pool: pool.name },
    done: () => 'Failed workers are started.',
  }),
  reload: ({ status }) => ({
    title: 'Reload the configuration',
    text: [`Reads ${plain(status.config_file)} again and carries out what has changed. If there is a mistake in it, nothing changes.`],
    button: 'Reload',
    body: {},
    done: ({ applied, changes, mistakes }) => {
      const lines = ((applied ? changes : mistakes) ?? []).map(plain).join('; ');
      return applied ? `Reloaded. ${lines || 'Nothing has changed.'}` : `Refused, nothing has changed: ${lines}`;
    },
  }),
  stop: ({ status }) => ({
    title: 'Stop the supervisor',
    text: [`Pid ${status.pid} stops, with ${counted(status.pools.length, 'pool')}: no new connection is accepted, and those at hand are finished first. With stop_delay, new ones are accepted for that long. Then this page ends, too.`],
    button: 'Stop the supervisor',
    danger: true,
    quick: true,
    body: {},
    done: () => 'The supervisor stops.',
  }),
};

const kWords = { restart: 'Restart', scale: 'Scale', reset_failed: 'Start now', reload: 'Reload', stop: 'Stop' };

export class Actions {
  #token = null;
  #state;
  #say;
  #pending = null;

  /// `state()`: {status} or null; `say`: called with a sentence.
  constructor(state, say) {
    this.#state = state;
    this.#say = say;
    this.title = h('h2', { id: 'ask-title' });
    this.text = h('div', { class: 'ask-text' });
    this.number = h('input', { type: 'number', min: '0', max: '100000', step: '1', inputmode: 'numeric', required: true });
    this.numberRow = h('label', { class: 'field' }, h('span', {}), this.number);
    this.quick = h('input', { type: 'checkbox' });
    this.quickRow = h('label', { class: 'check' }, this.quick, 'quickly: connections at hand are cut');
    this.token = h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', required: true });
    this.tokenRow = h('label', { class: 'field' }, h('span', {}, 'Token of admin_token_file'), this.token, h('small', {}, 'Kept in the memory of this page until it is closed.'));
    this.error = h('p', { class: 'refusal', role: 'alert' });
    this.cancel = h('button', { type: 'button', click: () => this.element.close() }, 'Cancel');
    this.confirm = h('button', { type: 'submit', class: 'primary' });
    this.form = h('form', { submit: (event) => this.#submit(event) }, this.title, this.text, this.numberRow, this.quickRow, this.tokenRow, this.error,
      h('div', { class: 'ask-buttons' }, this.cancel, this.confirm));
    this.element = h('dialog', { class: 'ask', 'aria-labelledby': 'ask-title', close: () => { this.token.value = ''; this.#pending = null; } }, this.form);
    this.forget = h('button', { type: 'button', class: 'quiet', click: () => this.#forget() }, 'Forget token');
    this.forget.hidden = true;
    document.body.append(this.element);
  }

  button(name, pool) {
    const label = pool === null ? null : `${kWords[name]} pool ${plain(pool)}`;
    const words = pool === null && name === 'restart' ? 'Restart all' : kWords[name];
    return h('button', { type: 'button', 'data-action': name, 'aria-label': label, click: () => this.#ask(name, pool) }, words);
  }

  #ask(name, poolName) {
    const state = this.#state();
    const pool = poolName === null ? null : state?.status.pools.find((each) => each.name === poolName);
    if (!state || pool === undefined) return;
    const action = kActions[name]({ status: state.status, pool });
    this.#pending = { name, action };
    setText(this.title, action.title);
    this.text.replaceChildren(...action.text.filter(Boolean).map((sentence) => h('p', {}, sentence)));
    setText(this.confirm, action.button);
    this.confirm.classList.toggle('danger', action.danger === true);
    this.numberRow.hidden = !action.input;
    this.number.disabled = !action.input;
    if (action.input) {
      setText(this.numberRow.firstChild, action.input.label);
      this.number.value = action.input.value;
    }
    this.quickRow.hidden = !action.quick;
    this.quick.checked = false;
    this.#wantToken();
    setText(this.error, '');
    this.element.showModal();
    (action.danger ? this.cancel : action.input ? this.number : this.#token === null ? this.token : this.confirm).focus();
  }

  #wantToken() {
    this.tokenRow.hidden = this.#token !== null;
    this.token.disabled = this.#token !== null;
  }

  #forget() {
    this.#token = null;
    this.forget.hidden = true;
    this.#say('The token is forgotten.');
  }

  async #submit(event) {
    event.preventDefault();
    const pending = this.#pending;
    if (!pending || this.confirm.disabled) return;
    const token = this.#token ?? this.token.value.trim();
    const body = { ...pending.action.body };
    if (pending.action.input) body.workers = Number(this.number.value);
    if (pending.action.quick) body.quick = this.quick.checked;
    this.confirm.disabled = true;
    const answer = await post(`/api/${pending.name}`, token, body);
    this.confirm.disabled = false;
    if (answer.tokenRefused) this.#forgetQuietly();
    else if (answer.heard) this.#keep(token);
    if (answer.error !== undefined) {
      if (this.#pending !== pending) this.#say(plain(answer.error));
      setText(this.error, plain(answer.error));
      if (!this.token.disabled) this.token.select();
      return;
    }
    if (this.#pending === pending) this.element.close();
    this.#say(pending.action.done(answer.result ?? {}));
  }

  #keep(token) {
    this.#token = token;
    this.forget.hidden = false;
    this.#wantToken();
  }

  #forgetQuietly() {
    this.#token = null;
    this.forget.hidden = true;
    this.#wantToken();
  }
}

/// {result}, or {error}: the sentence of the server. `tokenRefused`: the token is not the right one; `heard`: it is.
async function post(path, token, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: 'POST', cache: 'no-store', redirect: 'error',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  } catch (error) {
    const invalid = error instanceof TypeError && /header|ISO-8859-1|ByteString/i.test(error.message);
    return { error: invalid ? 'The token has characters that a token cannot have.' : 'No connection to the supervisor: nothing was sent, or the answer was lost.' };
  }
  const tokenRefused = answer.status === 401 || answer.status === 403;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) return { error: content.error ?? `The server refused it with status ${answer.status}.`, tokenRefused, heard: !tokenRefused && answer.status < 500 && answer.status !== 421 };
  return { result: content.result, heard: true };
}
