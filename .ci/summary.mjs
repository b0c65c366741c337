// Names every skipped test (its name carries the reason) and closes with one plain line of counts.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tests = report.testResults.flatMap((file) => file.assertionResults);
const count = (...states) => tests.filter((test) => states.includes(test.status)).length;
const skipped = tests.filter((test) => ["skipped", "pending", "todo"].includes(test.status));
if (skipped.length > 0) console.log("\nSkipped:");
for (const test of skipped) console.log(`  ${test.fullName}`);
console.log(`\n${count("passed")} passed, ${count("failed")} failed, ${skipped.length} skipped`);
