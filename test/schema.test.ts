/** The fields that the editor offers before the first run (`__schema__`) are those that a run gives. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { IDataObject } from 'n8n-workflow';

import { OPERATIONS } from '../nodes/JuheMobileStatus/operations';
import { phones, useSimulator } from './simulated';

interface Schema {
	type: string;
	properties?: Record<string, Schema>;
}

// The folder and file that n8n looks for: the node's version, then the operation.
const FOLDER = join(__dirname, '../nodes/JuheMobileStatus/__schema__/v1.0.0');
const juhe = useSimulator();

test('there is one for each operation', () => {
	expect(readdirSync(FOLDER).sort()).toEqual(OPERATIONS.map(({ value }) => `${value}.json`).sort());
});

test.each(OPERATIONS)(
	"$value: has the output's fields, in their order and with their types",
	async ({ value }) => {
		const { outputs } = await juhe.run(phones('13800138000'), { parameters: { operation: value } });
		const { phone, ...added } = outputs[0]![0]!.json;
		expect(phone).toBe('13800138000');
		expect(fieldsOf(jest.requireActual<Schema>(join(FOLDER, `${value}.json`)))).toEqual(
			fieldsOf(schemaOf(added)),
		);
	},
);

function schemaOf(value: unknown): Schema {
	if (typeof value !== 'object' || value === null) return { type: typeof value };
	const properties = Object.entries(value as IDataObject).map(([name, field]) => [
		name,
		schemaOf(field),
	]);
	return { type: 'object', properties: Object.fromEntries(properties) as Record<string, Schema> };
}

/** One line a field, so that the order counts. */
function fieldsOf(schema: Schema, path = ''): string[] {
	return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
		`${path}${name}: ${field.type}`,
		...fieldsOf(field, `${path}${name}.`),
	]);
}
