// Does the work that a start form may ask for, so that nobody waits: finds a number whose SHA-256 with the form's field begins with so
// many zero bits. In small pieces, so that the page stays quick. Own arithmetic, since browsers give theirs on https alone.
(() => {
  "use strict";
  const field = document.querySelector("[data-work]");
  if (!field) return;
  const form = field.form;
  const said = form.querySelector("[data-work-said]");
  const bits = Number(field.dataset.bits);
  const prefix = `${field.dataset.work}:`;
  let number = 0;
  let waiting = null;

  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
  const rounds = primes.map((p) => fraction(Math.cbrt(p)));
  const initial = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
  const words = new Int32Array(64);
  const turn = (x, by) => (x >>> by) | (x << (32 - by));

  // The first 32 bits of the SHA-256 of an ASCII text.
  function head(text) {
    const length = text.length;
    const blocks = ((length + 8) >> 6) + 1;
    let state = initial;
    for (let block = 0; block < blocks; block++) {
      for (let i = 0; i < 16; i++) {
        let word = 0;
        for (let j = 0; j < 4; j++) {
          const at = block * 64 + i * 4 + j;
          word = (word << 8) | (at < length ? text.charCodeAt(at) : at === length ? 128 : 0);
        }
        words[i] = word;
      }
      if (block === blocks - 1) words[15] = length * 8;
      for (let i = 16; i < 64; i++) {
        const a = words[i - 15], b = words[i - 2];
        words[i] = (words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + words[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10))) | 0;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i++) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i] + words[i]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      state = [a, b, c, d, e, f, g, h].map((x, i) => (x + state[i]) | 0);
    }
    return state[0];
  }

  function work() {
    const until = performance.now() + 12;
    do {
      if (head(prefix + number) >>> (32 - bits) === 0) {
        field.value = String(number);
        said.textContent = "";
        if (waiting) form.requestSubmit(waiting.submitter);
        return;
      }
      number += 1;
    } while (performance.now() < until);
    setTimeout(work);
  }

  form.addEventListener("submit", (event) => {
    if (field.value) return;
    event.preventDefault();
    waiting = event;
    said.textContent = said.dataset.workSaid;
  });
  said.textContent = "";
  work();
})();
