/** The list of a round: its rows, what is done to them between executions, and what the node may believe of them. */
import type { IDataObject } from 'n8n-workflow';

import { mobileOf, NO_NUMBERS, SPELLINGS, type EDITS, type Round } from './round';

/** What a row carries from an earlier call of the node. */
export interface Carried {
	/** Whether its result still holds and nobody has forged it. */
	isFresh: boolean;
	/** Null where it carries none, or that of another number. */
	route: unknown;
}

const NOTHING: Carried = { isFresh: false, route: null };
const DAYS: Record<string, number> = { keep: 30, recheck: 7, remove: 180, review: 7 };
const DAY = 86_400_000;

export class List {
	rows: IDataObject[];
	/** By the id of a row; undefined for a cell that is no number. */
	readonly mobiles: Array<string | undefined>;
	/** By the id of a row. */
	carried: Carried[];
	readonly routeField: string;
	readonly outputField: string;

	constructor(private readonly round: Round) {
		this.routeField = round.options.routeField ?? 'route';
		this.outputField = round.options.outputField ?? 'mobileStatus';
		this.mobiles = round.cells.map((cell) =>
			'number' in cell ? mobileOf(cell.number) : undefined,
		);
		this.carried = this.mobiles.map(() => NOTHING);
		this.rows = round.cells.map((cell, id) => ({
			id,
			phone:
				'number' in cell
					? SPELLINGS[cell.spelling]!(mobileOf(cell.number))
					: NO_NUMBERS[cell.noNumber]!,
			note: { list: [id, null], text: '备注' },
		}));
	}

	/** The result in a row, whatever its shape; empty where there is none. */
	resultIn(json: IDataObject): IDataObject {
		const { outputField } = this;
		if (typeof json[outputField] === 'object') return json[outputField] as IDataObject;
		const columns = Object.entries(json).filter(([name]) => name.startsWith(`${outputField}_`));
		return Object.fromEntries(
			columns.map(([name, value]) => [name.slice(outputField.length + 1), value]),
		);
	}

	/** What the row carries after the node gave it so. */
	carriedBy(json: IDataObject): Carried {
		if (json.details !== undefined) return NOTHING;
		const { advice } = this.resultIn(json);
		const days = { ...DAYS, ...this.round.options.recheckAfter }[advice as string] ?? 0;
		return { isFresh: days > 0, route: json[this.routeField] };
	}

	/** Writes back what the node gave. */
	write(json: IDataObject): void {
		this.rows[json.id as number] = json;
		this.carried[json.id as number] = this.carriedBy(json);
	}

	edit(place: number, edit: (typeof EDITS)[number]): void {
		const id = place % this.rows.length;
		const row = structuredClone(this.rows[id]!);
		this.rows[id] = row;
		const result = this.resultIn(row);
		const hasResult = result.mobile !== undefined;
		const { isFresh, route } = this.carried[id]!;
		const set = (values: IDataObject) => {
			if (!hasResult) return;
			if (typeof row[this.outputField] === 'object') Object.assign(result, values);
			else for (const name in values) row[`${this.outputField}_${name}`] = values[name];
		};
		const tomorrow = Date.now() + DAY;
		switch (edit) {
			case 'numberChanged':
				this.mobiles[id] = mobileOf(500 + id);
				row.phone = this.mobiles[id];
				if (hasResult) this.carried[id] = NOTHING;
				return;
			case 'mobileForged':
				set({ mobile: '13912345678' });
				if (hasResult) this.carried[id] = NOTHING;
				return;
			case 'routeForged':
				row[this.routeField] = route === 'suspended' ? 'normal' : 'suspended';
				this.carried[id] = { isFresh: false, route: row[this.routeField] };
				return;
			case 'datesFromTable':
				set({
					checkedAt: new Date(result.checkedAt as string),
					recheckAt: new Date(result.recheckAt as string),
				} as unknown as IDataObject);
				return;
			case 'numbersFromTable':
				set({
					state: result.state === undefined ? undefined : Number(result.state),
					attempts: `${result.attempts as number}`,
				});
				return;
			case 'recheckCleared':
				set({ recheckAt: null });
				break;
			case 'stateForged':
				set({ state: result.state === '3' ? '0' : '3' });
				break;
			case 'fromTomorrow':
				set({
					checkedAt: new Date(tomorrow).toISOString(),
					recheckAt: new Date(tomorrow + DAY).toISOString(),
				});
				break;
			case 'noTime':
				set({ checkedAt: 'yesterday' });
		}
		this.carried[id] = { isFresh: isFresh && !hasResult, route };
	}
}
