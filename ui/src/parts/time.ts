/**
 * Times as devices write them, as a field takes them, and as they are said. Pure, but for the computer's time zone: a
 * time with a zone is shown in this computer's, one without as the device has it.
 */
import type { TimeForm } from "../host/bindings/TimeForm";
import { words } from "../words";

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i;
const TIME_OF_DAY = /^(T?)(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i;
const DURATION = /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})(?:\.\d{1,9})?S)?)?$/i;
const SPAN = /^(\d{1,5}):([0-5]\d)(?::([0-5]\d))?$/;

const two = (n: number) => String(n).padStart(2, "0");
const clock = (h: number, min: number) => `${two(h)}:${two(min)}`;
const offsetMin = (zone: string) => {
  if (zone.toUpperCase() === "Z") return 0;
  const [h, min] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith("-") ? -1 : 1) * (h * 60 + min);
};
/** A real day and time, not 31 February. */
const sane = (date: Date, month: number) => !Number.isNaN(date.getTime()) && date.getMonth() === month - 1;

function dateOf(text: string): Date | null {
  const found = DATE_TIME.exec(text);
  if (!found) return null;
  const [year, month, day, h, min, s] = found.slice(1, 7).map((part) => Number(part ?? 0));
  if (year === undefined || month === undefined || day === undefined) return null;
  if (h === undefined || min === undefined) return null;
  if (month < 1 || month > 12 || day < 1 || day > 31 || h > 23 || min > 59) return null;
  const zone = found[7];
  if (!zone) {
    const date = new Date(year, month - 1, day, h, min, s);
    return sane(date, month) ? date : null;
  }
  const date = new Date(Date.UTC(year, month - 1, day, h, min, s) - offsetMin(zone) * 60_000);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Hours and minutes here. A zone is turned by what holds today. */
function clockOf(text: string): { h: number; min: number } | null {
  const found = TIME_OF_DAY.exec(text);
  if (!found) return null;
  const [h, min] = [Number(found[2]), Number(found[3])];
  if (h > 23 || min > 59) return null;
  const zone = found[5];
  if (!zone) return { h, min };
  const date = new Date();
  date.setUTCHours(h, min - offsetMin(zone), 0, 0);
  return { h: date.getHours(), min: date.getMinutes() };
}

function secondsOf(text: string): number | null {
  const found = DURATION.exec(text);
  if (!found || text.length < 3) return null;
  const [d = 0, h = 0, min = 0, s = 0] = found.slice(1).map((part) => Number(part ?? 0));
  return d * 86_400 + h * 3_600 + min * 60 + s;
}

/** A span in words: “1 h 15 min”, “15 min 20 s”. */
export function saySeconds(total: number): string {
  const [d, h, min, s] = [
    Math.floor(total / 86_400),
    Math.floor(total / 3_600) % 24,
    Math.floor(total / 60) % 60,
    Math.round(total % 60),
  ];
  const days = d ? words.common.dayCount(d) : "";
  const parts = [days, h ? `${h} h` : "", min ? `${min} min` : "", s && !d ? `${s} s` : ""];
  return parts.filter(Boolean).join(" ") || "0 s";
}

/** In words; null: this is no such time. */
export function sayTime(form: TimeForm, text: string): string | null {
  switch (form) {
    case "date-time": {
      const date = dateOf(text);
      return date && words.common.moment(date.getTime());
    }
    case "time-of-day": {
      const time = clockOf(text);
      return time && clock(time.h, time.min);
    }
    case "duration": {
      const seconds = secondsOf(text);
      return seconds === null ? null : saySeconds(seconds);
    }
  }
}

/** As its field shows it: `2026-01-09T14:30`, `06:00`, `0:15:20`. Empty: this is no such time. */
export function fieldOf(form: TimeForm, text: string): string {
  switch (form) {
    case "date-time": {
      const date = dateOf(text);
      if (!date) return "";
      const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
      return `${day}T${clock(date.getHours(), date.getMinutes())}`;
    }
    case "time-of-day":
      return sayTime(form, text) ?? "";
    case "duration": {
      const seconds = secondsOf(text);
      if (seconds === null) return "";
      return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    }
  }
}

/**
 * What was typed, as a device takes it; null: it is no such time. `like`: what the device wrote last, whose way with
 * zone, seconds and leading T is kept.
 */
export function timeOf(form: TimeForm, typed: string, like: string | null): string | null {
  const text = typed.trim();
  switch (form) {
    case "date-time": {
      const date = dateOf(text);
      if (!date) return null;
      const before = like === null ? null : DATE_TIME.exec(like);
      const zoned = !before || before[7] !== undefined;
      const seconds = !before || before[6] !== undefined ? ":00" : "";
      if (zoned) return `${date.toISOString().slice(0, 16)}${seconds}Z`;
      return `${fieldOf(form, text)}${seconds}`;
    }
    case "time-of-day": {
      const found = TIME_OF_DAY.exec(text);
      if (!found || Number(found[2]) > 23 || Number(found[3]) > 59) return null;
      const before = like === null ? null : TIME_OF_DAY.exec(like);
      const lead = before && !before[1] ? "" : "T";
      const seconds = !before || before[4] !== undefined ? ":00" : "";
      if (before && before[5] === undefined) return `${lead}${found[2]}:${found[3]}${seconds}`;
      const date = new Date();
      date.setHours(Number(found[2]), Number(found[3]), 0, 0);
      return `${lead}${clock(date.getUTCHours(), date.getUTCMinutes())}${seconds}Z`;
    }
    case "duration": {
      const found = SPAN.exec(text);
      if (!found) return null;
      const [h, min, s] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
      const parts = [h ? `${h}H` : "", min ? `${min}M` : "", s || (!h && !min) ? `${s}S` : ""];
      return `PT${parts.join("")}`;
    }
  }
}
