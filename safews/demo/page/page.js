import { startCases } from "./runner.js";
import { startConsole } from "./console.js";
import { startFeed } from "./feed.js";

startFeed();
startConsole();
startCases();
