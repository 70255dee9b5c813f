import { crc32, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { checkSums } from "../src/pixels/completeness";
import { BadImageError } from "../src/pixels/sniff";

const chunk = (name: string, body: Uint8Array) => {
  const named = Buffer.concat([Buffer.from(name, "latin1"), body]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(body.length, 0);
  numbers.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([numbers.subarray(0, 4), named, numbers.subarray(4)]);
};
const parts = [
  Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
  chunk("IHDR", Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0)),
  chunk("tEXt", Buffer.from("Title\0Rex")),
  chunk("IDAT", deflateSync(Uint8Array.of(0, 128))),
  chunk("IEND", new Uint8Array()),
];
const png = Buffer.concat(parts);
const changed = (part: number) => {
  const bytes = Uint8Array.from(png);
  const last = Buffer.concat(parts.slice(0, part + 1)).length - 1; // of the chunk's checksum
  bytes[last] = (bytes[last] as number) ^ 1;
  return bytes;
};

test("a PNG with a wrong checksum of its header or pixels is refused, one of its text is not", async () => {
  await checkSums(png);
  await checkSums(changed(2));
  for (const part of [1, 3]) await expect(checkSums(changed(part))).rejects.toThrow(BadImageError);
});

test("a PNG cut within a chunk is left to the check of its end", async () => {
  await checkSums(png.subarray(0, -20));
});
