import { expect, test } from "vitest";
import { sidecar, writeSidecars } from "../src/engine/sidecars";
import { golden } from "./golden";
import { picture, tag, term } from "./ui_pictures";
import { unzipped } from "./unzipped";

const terms = [term("animal"), term("bird", ["animal"])];
const tags = [tag("finch", { broader: ["bird"] }), tag("Rex & <co>"), tag("a/b|c", { broader: ["bird"] })];
const files = async (...pictures: ReturnType<typeof picture>[]) => unzipped(await writeSidecars(pictures, tags, terms));
const items = (text: string, field: string) =>
  [...(text.split(`<${field}>`)[1]?.split(`</${field}>`)[0] ?? "").matchAll(/<rdf:li>(.*?)<\/rdf:li>/g)].map(
    ([, item]) => item,
  );

test("a sidecar has the tags as plain words and below their broader terms", async () => {
  const text = (await files(picture("a", { name: "f.jpg", tags: ["finch", "Rex & <co>"] }))).get("f.jpg.xmp") ?? "";
  expect(items(text, "dc:subject")).toEqual(["finch", "Rex &amp; &lt;co&gt;"]);
  expect(items(text, "lr:hierarchicalSubject")).toEqual(["animal|bird|finch", "Rex &amp; &lt;co&gt;"]);
  expect(items(text, "digiKam:TagsList")).toEqual(["animal/bird/finch", "Rex &amp; &lt;co&gt;"]);
});

test("a tag is below all its broader terms, and a term that several tags have is written once", async () => {
  const animals = [term("pet", ["animal"]), term("feline", ["animal"]), term("animal")];
  const cats = [tag("tabby", { broader: ["pet", "feline"] }), tag("tiger", { broader: ["feline"] })];
  const written = await writeSidecars([picture("a", { tags: ["tabby", "tiger"] })], cats, animals);
  const text = (await unzipped(written)).get("a.jpg.xmp") ?? "";
  expect(items(text, "digiKam:TagsList")).toEqual(["animal/pet/tabby", "animal/feline", "animal/feline/tiger"]);
  expect(items(text, "dc:subject")).toEqual(["tabby", "feline", "tiger"]);
});

test("a separator in a name begins no other tag", async () => {
  const text = (await files(picture("a", { tags: ["a/b|c"] }))).get("a.jpg.xmp") ?? "";
  expect(items(text, "dc:subject")).toEqual(["a/b|c"]);
  expect(items(text, "lr:hierarchicalSubject")).toEqual(["animal|bird|a/b/c"]);
  expect(items(text, "digiKam:TagsList")).toEqual(["animal/bird/a\\b|c"]);
});

interface Golden {
  fields: { name: string; namespace: string; container: string }[];
  keywords: string[][];
  values: Record<string, string>[];
}

test("every field has the values that Python writes", () => {
  const { fields, keywords, values } = golden<Golden>("sidecars");
  const text = sidecar(keywords);
  const plain = (item = "") => item.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  for (const { name, namespace, container } of fields) {
    expect(text).toContain(`xmlns:${name.split(":")[0]}="${namespace}"`);
    expect(text).toContain(`<${name}>\n    <rdf:${container}>`);
    expect(items(text, name).map(plain)).toEqual([...new Set(values.map((value) => value[name]))]);
  }
  expect(text.match(/<\w+:\w+>\n +<rdf:(Bag|Seq)>/g)).toHaveLength(fields.length);
});

test("pictures keep their folders; those without confirmed tags, or without a file, have no sidecar", async () => {
  const found = await files(
    picture("a", { folder: "2024/Rome", tags: ["finch"] }),
    picture("b", { suggested: [{ tag: "finch", probability: 0.9 }] }),
    picture("c", { confirmed: true }),
    picture("d1234567890", { name: "d1234567", tags: ["finch"] }),
  );
  expect([...found.keys()]).toEqual(["2024/Rome/a.jpg.xmp"]);
});

test("sidecars of pictures of the same name do not replace each other", async () => {
  const found = await files(
    picture("aaaaaaaaaa", { name: "x.jpg", tags: ["finch"] }),
    picture("bbbbbbbbbb", { name: "X.jpg", tags: ["finch"] }),
    picture("cccccccccc", { name: "x.jpg", folder: "other", tags: ["finch"] }),
  );
  expect([...found.keys()]).toEqual([
    "same name/aaaaaaaa/x.jpg.xmp",
    "same name/bbbbbbbb/X.jpg.xmp",
    "other/x.jpg.xmp",
  ]);
});

test("no name leads out of the folder that the archive is unpacked in", async () => {
  const found = await files(picture("a", { name: "..\\a:\nb.jpg", folder: "../.././C:", tags: ["finch"] }));
  expect([...found.keys()]).toEqual(["__/__/_/C_/.._a__b.jpg.xmp"]);
});

test("no name is one that a system keeps for itself, or changes", async () => {
  const found = await files(picture("a", { name: "x.jpg", folder: "CON/.. /a.", tags: ["finch"] }));
  expect([...found.keys()]).toEqual(["_CON/___/a_/x.jpg.xmp"]);
});

test("without a confirmed tag there is nothing to write", async () => {
  await expect(async () => files(picture("a"))).rejects.toMatchObject({ problem: { kind: "nothingConfirmed" } });
});

test("what XML cannot hold is replaced", () => {
  expect(sidecar([["a\uffffb\ud800"]])).toContain("<rdf:li>a\ufffdb\ufffd</rdf:li>");
});

test("a loop of broader terms ends", async () => {
  const loop = [term("x", ["y"]), term("y", ["x"])];
  const found = await unzipped(
    await writeSidecars([picture("a", { tags: ["z"] })], [tag("z", { broader: ["x"] })], loop),
  );
  expect(items(found.get("a.jpg.xmp") ?? "", "digiKam:TagsList")).toEqual(["y/x/z"]);
});

test("a sidecar begins with the mark by which programs know XMP", () => {
  expect(sidecar([["a"]]).startsWith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')).toBe(true);
});
