// Runs the named test modules of this folder in one browser: run.mjs [--short] [--only=PART-OF-A-NAME] MODULE…; the last line is "N passed, N failed", as script/test counts.
// Without a browser or its packages it says so and exits with 77, which meson calls SKIP.
import { launch, missing } from './browser.mjs';
import { cases } from './cases.mjs';

const kLimit = 60e3;

function limited(promise) {
  let timer;
  const limit = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not finished within ${kLimit / 1000} s`)), kLimit); });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

const why = missing();
if (why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}
const words = process.argv.slice(2);
const only = words.find((word) => word.startsWith('--only='))?.slice(7) ?? '';
const short = words.includes('--short');
for (const name of words.filter((word) => !word.startsWith('--'))) await import(`./${name}.mjs`);

const { browser, close } = await launch();
let passed = 0;
let failed = 0;
let skipped = 0;
for (const { name, body } of cases.filter((each) => each.name.includes(only) && (each.short || !short))) {
  const began = Date.now();
  try {
    const reason = await limited(body({ browser }));
    if (typeof reason === 'string') {
      ++skipped;
      console.log(`skipped: ${name}: ${reason}`);
      continue;
    }
    ++passed;
    console.log(`ok: ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    ++failed;
    console.log(`FAILED: ${name} (${Date.now() - began} ms)\n${error.stack}`);
  }
}
await close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : passed > 0 ? 0 : 77);
