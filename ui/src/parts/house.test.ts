import { expect, it } from "vitest";
import { story } from "../host/fake-story";
import { domainOf, keepOrder, livesHere, tallyOf } from "./house";

const named = (...names: string[]) => story().filter(({ name }) => names.includes(name));

it("devices are counted by the way that leads to them", () => {
  expect(tallyOf(story())).toEqual({ all: 15, lan: 12, remote: 2, offline: 1, atServer: 14, remoteMs: 66 });
});

it("a device merely seen on the network does not live here", () => {
  expect(
    named("Boiler room", "Reading lamp")
      .filter(livesHere)
      .map(({ name }) => name),
  ).toEqual(["Reading lamp"]);
});

it("new devices are added behind: a list is not sorted under the pointer", () => {
  const order = keepOrder([], named("Reading lamp", "Front door"));
  expect(order).toEqual(["front-door", "reading-lamp"]);
  expect(keepOrder(order, named("Reading lamp", "Front door", "Bookshelf"))).toEqual([
    "front-door",
    "reading-lamp",
    "bookshelf",
  ]);
  expect(keepOrder(order, named("Reading lamp", "Bookshelf"))).toEqual(["reading-lamp", "bookshelf"]);
});

it("a renamed device stays where it is", () => {
  const [lamp] = named("Reading lamp");
  const [door] = named("Front door");
  if (!lamp || !door) throw new Error("the story has changed");
  expect(keepOrder(["front-door", "reading-lamp"], [{ ...lamp, name: "A lamp" }, door])).toEqual([
    "front-door",
    "reading-lamp",
  ]);
});

it("the domain is what follows the @", () => {
  expect(domainOf("maren@hearth.example")).toBe("hearth.example");
});

it("names are put in order as a person counts", () => {
  const [lamp] = named("Reading lamp");
  if (!lamp) throw new Error("the story has changed");
  const lamps = ["Lamp 10", "Lamp 2"].map((name) => ({ ...lamp, id: name, name }));
  expect(keepOrder([], lamps)).toEqual(["Lamp 2", "Lamp 10"]);
});
