// The worker numbers of a scoreboard: "1-8,12" → [1, 2, …, 8, 12].

const kMost = 100000;

export function numbersOf(text) {
  const numbers = [];
  for (const part of String(text ?? '').split(',')) {
    const [first, last = first] = part.split('-').map(Number);
    if (part === '' || !Number.isInteger(first) || !Number.isInteger(last)) continue;
    for (let number = first; number <= last && numbers.length < kMost; ++number) numbers.push(number);
  }
  return numbers;
}
