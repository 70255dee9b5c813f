/** A canvas transform (a, b, c, d, e, f), from a picture as stored to the upright one. */
export type Turn = readonly [number, number, number, number, number, number];

/** Returns the transform that turns stored pixels of an EXIF orientation upright. */
export function turn(orientation: number, width: number, height: number): Turn {
  const turns: readonly Turn[] = [
    [1, 0, 0, 1, 0, 0],
    [-1, 0, 0, 1, width, 0],
    [-1, 0, 0, -1, width, height],
    [1, 0, 0, -1, 0, height],
    [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, height, 0],
    [0, -1, -1, 0, height, width],
    [0, -1, 1, 0, 0, width],
  ];
  return turns[orientation - 1] as Turn;
}
