import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { shareAddress } from "../src/share_target";

const read = (name: string) => JSON.parse(readFileSync(new URL(`../public/${name}`, import.meta.url), "utf8"));

test("only the manifest of pages with a service worker lets other apps share pictures", () => {
  const { share_target, ...rest } = read("manifest-share.webmanifest");
  expect(rest).toEqual(read("manifest.webmanifest"));
  expect(share_target).toMatchObject({ action: shareAddress("./"), method: "POST", enctype: "multipart/form-data" });
  expect(readFileSync(new URL("../index.html", import.meta.url), "utf8")).not.toContain("manifest-share");
});
