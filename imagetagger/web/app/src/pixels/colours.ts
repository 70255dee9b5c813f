/** Whether a browser shows a file's levels as they are. */

const [START_OF_SCAN, APP2] = [0xda, 0xe2];

/** Whether a JPEG has no ICC profile and no map of brighter light, which are both in segments APP2 (ITU T.81, annex B). */
export function isPlainJpeg(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (bytes[at + 1] === START_OF_SCAN) return true;
    if (bytes[at + 1] === APP2) return false;
  }
  return false; // it is damaged, or has fill bytes
}
