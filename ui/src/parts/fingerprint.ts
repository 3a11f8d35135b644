/** 16 bytes to a line, four to a group: so that two can be compared by eye. */
export const inGroups = (fingerprint: string): string =>
  fingerprint
    .split(":")
    .map((pair, i) => pair + (i % 16 === 15 ? "\n" : i % 4 === 3 ? " " : ":"))
    .join("")
    .trim()
    .replace(/:$/, "");

/** The same for each fingerprint within other words. */
export const withGroups = (text: string): string =>
  text.replace(/(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/g, (fingerprint) => inGroups(fingerprint).replace("\n", " "));
