// Keccak-256, the hash of Ethereum (FIPS 202 with the padding of Keccak), in pairs of 32-bit halves.

const RATE_BYTES = 136;
const LANES = RATE_BYTES / 8;

/** Round constants, low and high halves (FIPS 202, algorithms 5 and 6). */
function constants() {
  const found = [];
  let register = 1;
  for (let round = 0; round < 24; round += 1) {
    let [low, high] = [0, 0];
    for (let power = 0; power < 7; power += 1) {
      const bit = 2 ** power - 1;
      if (register & 1) {
        if (bit < 32) low |= 1 << bit;
        else high |= 1 << (bit - 32);
      }
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
    found.push([low, high]);
  }
  return found;
}

/** Where each lane moves and how far it is turned (FIPS 202 3.2.2, 3.2.3), along the path of pi. */
function moves() {
  const found = [];
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t += 1) {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    found.push([x + 5 * y, (((t + 1) * (t + 2)) / 2) % 64]);
  }
  return found;
}

const CONSTANTS = constants();
const MOVES = moves();

/** The 32-byte hash of `data`. */
export function keccak256(data) {
  const padded = new Uint8Array((Math.floor(data.length / RATE_BYTES) + 1) * RATE_BYTES);
  padded.set(data);
  padded[data.length] |= 0x01;
  padded[padded.length - 1] |= 0x80;
  const view = new DataView(padded.buffer);
  const [low, high] = [new Int32Array(25), new Int32Array(25)];
  for (let at = 0; at < padded.length; at += RATE_BYTES) {
    for (let lane = 0; lane < LANES; lane += 1) {
      low[lane] ^= view.getInt32(at + 8 * lane, true);
      high[lane] ^= view.getInt32(at + 8 * lane + 4, true);
    }
    for (const constant of CONSTANTS) permute(low, high, constant);
  }
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  for (let lane = 0; lane < 4; lane += 1) {
    out.setInt32(8 * lane, low[lane], true);
    out.setInt32(8 * lane + 4, high[lane], true);
  }
  return digest;
}

/** One round of Keccak-f[1600]. Lane x + 5y is column x of row y. */
function permute(low, high, constant) {
  theta(low, high);
  // rho and pi: along one path through all lanes but the first
  let [heldLow, heldHigh] = [low[1], high[1]];
  for (const [to, turn] of MOVES) {
    const [nextLow, nextHigh] = [low[to], high[to]];
    const bits = turn % 32;
    const [a, b] = turn < 32 ? [heldLow, heldHigh] : [heldHigh, heldLow];
    low[to] = bits ? (a << bits) | (b >>> (32 - bits)) : a;
    high[to] = bits ? (b << bits) | (a >>> (32 - bits)) : b;
    [heldLow, heldHigh] = [nextLow, nextHigh];
  }
  chi(low);
  chi(high);
  low[0] ^= constant[0]; // iota
  high[0] ^= constant[1];
}

/** Every lane takes in the parity of two columns. */
function theta(low, high) {
  const parity = (part, x) => part[x] ^ part[x + 5] ^ part[x + 10] ^ part[x + 15] ^ part[x + 20];
  const lows = [0, 1, 2, 3, 4].map((x) => parity(low, x));
  const highs = [0, 1, 2, 3, 4].map((x) => parity(high, x));
  for (let x = 0; x < 5; x += 1) {
    const [before, after] = [(x + 4) % 5, (x + 1) % 5];
    const turnedLow = lows[before] ^ ((lows[after] << 1) | (highs[after] >>> 31));
    const turnedHigh = highs[before] ^ ((highs[after] << 1) | (lows[after] >>> 31));
    for (let y = 0; y < 25; y += 5) {
      low[x + y] ^= turnedLow;
      high[x + y] ^= turnedHigh;
    }
  }
}

function chi(part) {
  for (let y = 0; y < 25; y += 5) {
    const [a, b, c, d, e] = part.slice(y, y + 5);
    part[y] = a ^ (~b & c);
    part[y + 1] = b ^ (~c & d);
    part[y + 2] = c ^ (~d & e);
    part[y + 3] = d ^ (~e & a);
    part[y + 4] = e ^ (~a & b);
  }
}
