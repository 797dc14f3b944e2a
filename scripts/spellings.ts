/** Tries numbers of other countries, as people write them: none may be read as a Chinese one. */
import { Command } from 'commander';

import { parseMobile } from '../nodes/JuheMobileStatus/list/number';
import { spellings } from '../test/spellings';

const { count, seed } = new Command('spellings')
	.description('Spells numbers of other countries, and exits with 1 if one is read as Chinese.')
	.option('--count <number>', 'how many spellings', Number, 1_000_000)
	.option('--seed <number>', 'the same seed gives the same spellings', Number, 1)
	.parse()
	.opts<{ count: number; seed: number }>();

const start = performance.now();
let read = 0;
let unmarked = 0;
for (const { country, cell, isMarked } of spellings(count, seed)) {
	if ('reason' in parseMobile(cell)) continue;
	if (isMarked) {
		read++;
		console.log(`${country}: ${cell}`);
	} else {
		unmarked++;
	}
}
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(`${count} spellings in ${seconds} s: ${read} read as Chinese numbers.`);
console.log(`Of those without separators and plus, ${unmarked} are Chinese numbers, too.`);
process.exit(read > 0 ? 1 : 0);
