// The discrete Fourier transform of complex signals, for lengths of factors 2, 3 and 4 (Stockham's
// form, which needs no reordering).

export class Fourier {
  // `size`: numbers in a signal.
  constructor(size) {
    this.size = size;
    this.stages = [];
    let left = size;
    let stride = 1;
    while (left > 1) {
      const radix = [4, 3, 2].find((factor) => left % factor === 0);
      if (radix === undefined) throw new RangeError(`no transform of ${size} numbers`);
      const rows = left / radix;
      // The powers of each row's root of unity: cosine and sine of 1 to radix - 1 turns.
      const roots = new Float64Array(rows * (radix - 1) * 2);
      for (let row = 0, at = 0; row < rows; row += 1) {
        for (let power = 1; power < radix; power += 1) {
          const angle = (-2 * Math.PI * row * power) / left;
          roots[at++] = Math.cos(angle);
          roots[at++] = Math.sin(angle);
        }
      }
      this.stages.push({ radix, rows, stride, roots });
      left = rows;
      stride *= radix;
    }
    this.spare = [new Float64Array(size), new Float64Array(size)];
  }

  // Transform a signal in place: `real` and `imaginary` are Float64Arrays of `size` numbers.
  forward(real, imaginary) {
    let [fromR, fromI] = [real, imaginary];
    let [toR, toI] = this.spare;
    for (const { radix, rows, stride, roots } of this.stages) {
      butterflies[radix](fromR, fromI, toR, toI, rows, stride, roots);
      [fromR, toR] = [toR, fromR];
      [fromI, toI] = [toI, fromI];
    }
    if (fromR !== real) {
      real.set(fromR);
      imaginary.set(fromI);
    }
  }

  // The inverse of `forward`.
  inverse(real, imaginary) {
    // Exchanging the parts turns the sign of the exponent.
    this.forward(imaginary, real);
    const factor = 1 / this.size;
    for (let i = 0; i < this.size; i += 1) {
      real[i] *= factor;
      imaginary[i] *= factor;
    }
  }
}

const THIRD = Math.sqrt(3) / 2;

const butterflies = {
  2(xr, xi, yr, yi, rows, stride, roots) {
    const half = rows * stride;
    for (let row = 0; row < rows; row += 1) {
      const wr = roots[2 * row];
      const wi = roots[2 * row + 1];
      for (let q = 0; q < stride; q += 1) {
        const from = q + stride * row;
        const to = q + stride * 2 * row;
        const dr = xr[from] - xr[from + half];
        const di = xi[from] - xi[from + half];
        yr[to] = xr[from] + xr[from + half];
        yi[to] = xi[from] + xi[from + half];
        yr[to + stride] = dr * wr - di * wi;
        yi[to + stride] = dr * wi + di * wr;
      }
    }
  },
  3(xr, xi, yr, yi, rows, stride, roots) {
    const part = rows * stride;
    for (let row = 0; row < rows; row += 1) {
      const [wr1, wi1, wr2, wi2] = roots.subarray(4 * row, 4 * row + 4);
      for (let q = 0; q < stride; q += 1) {
        const from = q + stride * row;
        const to = q + stride * 3 * row;
        const sr = xr[from + part] + xr[from + 2 * part];
        const si = xi[from + part] + xi[from + 2 * part];
        const dr = THIRD * (xr[from + part] - xr[from + 2 * part]);
        const di = THIRD * (xi[from + part] - xi[from + 2 * part]);
        const mr = xr[from] - sr / 2;
        const mi = xi[from] - si / 2;
        yr[to] = xr[from] + sr;
        yi[to] = xi[from] + si;
        const r1 = mr + di;
        const i1 = mi - dr;
        const r2 = mr - di;
        const i2 = mi + dr;
        yr[to + stride] = r1 * wr1 - i1 * wi1;
        yi[to + stride] = r1 * wi1 + i1 * wr1;
        yr[to + 2 * stride] = r2 * wr2 - i2 * wi2;
        yi[to + 2 * stride] = r2 * wi2 + i2 * wr2;
      }
    }
  },
  4(xr, xi, yr, yi, rows, stride, roots) {
    const part = rows * stride;
    for (let row = 0; row < rows; row += 1) {
      const at = 6 * row;
      const wr1 = roots[at];
      const wi1 = roots[at + 1];
      const wr2 = roots[at + 2];
      const wi2 = roots[at + 3];
      const wr3 = roots[at + 4];
      const wi3 = roots[at + 5];
      for (let q = 0; q < stride; q += 1) {
        const from = q + stride * row;
        const to = q + stride * 4 * row;
        const ar = xr[from] + xr[from + 2 * part];
        const ai = xi[from] + xi[from + 2 * part];
        const br = xr[from] - xr[from + 2 * part];
        const bi = xi[from] - xi[from + 2 * part];
        const cr = xr[from + part] + xr[from + 3 * part];
        const ci = xi[from + part] + xi[from + 3 * part];
        const dr = xr[from + part] - xr[from + 3 * part];
        const di = xi[from + part] - xi[from + 3 * part];
        yr[to] = ar + cr;
        yi[to] = ai + ci;
        const r1 = br + di;
        const i1 = bi - dr;
        const r2 = ar - cr;
        const i2 = ai - ci;
        const r3 = br - di;
        const i3 = bi + dr;
        yr[to + stride] = r1 * wr1 - i1 * wi1;
        yi[to + stride] = r1 * wi1 + i1 * wr1;
        yr[to + 2 * stride] = r2 * wr2 - i2 * wi2;
        yi[to + 2 * stride] = r2 * wi2 + i2 * wr2;
        yr[to + 3 * stride] = r3 * wr3 - i3 * wi3;
        yi[to + 3 * stride] = r3 * wi3 + i3 * wr3;
      }
    }
  },
};
