/** The words in use. One catalogue today; another language is another object of the same shape. */
import { en } from "./words/en";

export type Words = typeof en;
export const words: Words = en;
