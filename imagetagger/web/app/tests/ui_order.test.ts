import { expect, test } from "vitest";
import type { Order } from "../src/ui/filter";
import { inOrder } from "../src/ui/order";
import { picture } from "./ui_pictures";

const pictures = [
  picture("a", { name: "IMG_10.jpg", taken: "2024-05-01T18:30:00", suggested: [{ tag: "cat", probability: 0.9 }] }),
  picture("b", { name: "IMG_9.jpg", folder: "Rome", suggested: [{ tag: "cat", probability: 0.3 }] }),
  picture("c", { name: "IMG_9.jpg", taken: "2024-05-02T00:00:00", tags: ["cat"] }),
  picture("d", { name: "a.jpg", unknown: true, suggested: [{ tag: "cat", probability: 0.99 }] }),
  picture("e", { name: "b.jpg", unknown: true, tags: ["dog"] }),
];
const library = { order: pictures.map(({ id }) => id), pictures: new Map(pictures.map((each) => [each.id, each])) };

test.each<[Order, string]>([
  ["added", "abcde"],
  ["taken", "cabde"], // those without a time keep their order
  ["name", "decab"], // numbers as numbers, folders after none
  ["doubt", "dbace"],
  ["unknown", "dabce"], // a confirmed one is known
])("by %s pictures come as %s", (order, expected) => {
  expect(
    inOrder(library, order)
      .map(({ id }) => id)
      .join(""),
  ).toBe(expected);
});
