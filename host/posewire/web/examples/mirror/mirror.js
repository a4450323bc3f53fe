/** The least that a page does: it draws whoever moves in the room. */

import { drawBody, watchBodies } from "../studio.js";

const canvas = document.querySelector("canvas");
watchBodies((landmarks) => drawBody(canvas, landmarks));
