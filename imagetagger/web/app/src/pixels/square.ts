/** A picture's centre square, resized: step 2 of the image contract (imagetagger/preprocess/), over a stream of rows. */

const PRECISION_BITS = 32 - 8 - 2; // of Pillow's fixed point, Resample.c: weights sum to one, values have 8 bits

/** Weights of a resize along one axis: those of output `i` begin at `i * stride` and belong to `first[i]` to `last[i] - 1`. */
interface Taps {
  first: Int32Array;
  last: Int32Array;
  weights: Int32Array;
  stride: number;
}

/** Rows go in from the top, in bands of any height; the square comes out. */
export interface SquareStream {
  /** Takes complete rows, RGB. */
  add(rows: Uint8Array): void;
  /** Returns the square, RGB (size, size, 3), once all rows were added. */
  pixels(): Uint8Array<ArrayBuffer>;
}

/** Returns the centre square (x0, y0, x1, y1) in integer source pixels, as in preprocess.crop_box. */
export function cropBox(width: number, height: number): [number, number, number, number] {
  const side = Math.min(width, height);
  const x0 = Math.floor((width - side) / 2);
  const y0 = Math.floor((height - side) / 2);
  return [x0, y0, x0 + side, y0 + side];
}

/** Returns the weights of Pillow's BILINEAR: a triangle as wide as the scale, in the very order of operations of Resample.c. */
function triangle(length: number, start: number, stop: number, size: number): Taps {
  const scale = (stop - start) / size;
  const support = Math.max(scale, 1);
  const sharpness = 1 / support;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = {
    first: new Int32Array(size),
    last: new Int32Array(size),
    weights: new Int32Array(size * stride),
    stride,
  };
  for (let i = 0; i < size; i++) {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), length);
    const heights = Array.from({ length: last - first }, (_, x) =>
      Math.max(1 - Math.abs((x + first - centre + 0.5) * sharpness), 0),
    );
    const sum = heights.reduce((a, b) => a + b, 0);
    taps.weights.set(
      heights.map((height) => Math.trunc(0.5 + (height / sum) * 2 ** PRECISION_BITS)),
      i * stride,
    );
    taps.first[i] = first;
    taps.last[i] = last;
  }
  return taps;
}

/** Rounds a sum of fixed point to a byte; weights are positive and sum to one, so only rounding can exceed it. */
function toByte(sum: number): number {
  return Math.min(sum >> PRECISION_BITS, 255);
}

/** Resizes one row's crop, `rows` from `at` on, to RGB (size, 3). */
function resizeRow(rows: Uint8Array, at: number, taps: Taps, line: Uint8Array): void {
  const { first, last, weights, stride } = taps;
  for (let i = 0; i < first.length; i++) {
    let red = 1 << (PRECISION_BITS - 1);
    let green = red;
    let blue = red;
    let from = at + (first[i] as number) * 3;
    const end = i * stride + (last[i] as number) - (first[i] as number);
    for (let k = i * stride; k < end; k++) {
      const weight = weights[k] as number;
      red = (red + Math.imul(rows[from] as number, weight)) | 0;
      green = (green + Math.imul(rows[from + 1] as number, weight)) | 0;
      blue = (blue + Math.imul(rows[from + 2] as number, weight)) | 0;
      from += 3;
    }
    line[i * 3] = toByte(red);
    line[i * 3 + 1] = toByte(green);
    line[i * 3 + 2] = toByte(blue);
  }
}

/** Returns a stream that makes the square of a picture, uint8 RGB (size, size, 3), equal to that of preprocess.crop_square. */
export function streamSquare(width: number, height: number, size: number): SquareStream {
  const [x0, y0, x1, y1] = cropBox(width, height);
  const reach = Math.floor((y1 - y0) / size) + 2;
  const top = Math.max(y0 - reach, 0); // as in preprocess.crop_square: weights are rounded alike only if measured from there
  const bottom = Math.min(y1 + reach, height);
  const across = triangle(width, x0, x1, size);
  const down = triangle(bottom - top, y0 - top, y1 - top, size);
  const line = new Uint8Array(size * 3);
  const sums = new Int32Array(size * size * 3).fill(1 << (PRECISION_BITS - 1));
  let y = 0;
  let unfinished = 0; // the first output row that is incomplete

  function addRow(rows: Uint8Array, at: number, row: number): void {
    resizeRow(rows, at, across, line);
    while (unfinished < size && (down.last[unfinished] as number) <= row) unfinished++;
    for (let i = unfinished; i < size && (down.first[i] as number) <= row; i++) {
      const weight = down.weights[i * down.stride + row - (down.first[i] as number)] as number;
      const out = i * size * 3;
      for (let j = 0; j < line.length; j++)
        sums[out + j] = (sums[out + j] as number) + Math.imul(line[j] as number, weight);
    }
  }

  return {
    add(rows) {
      for (let at = 0; at < rows.length; at += width * 3, y++) if (y >= top && y < bottom) addRow(rows, at, y - top);
    },
    pixels() {
      if (y !== height) throw new RangeError(`got ${y} rows, expected ${height}`);
      return new Uint8Array(sums.map(toByte)); // Uint8Array.from would take ten times as long
    },
  };
}
