/**
 * The least that a lookup node can do: one expression a row, n8n's helper with the credential resolved once, no more
 * requests at a time than allowed. No checks, no retries, no routes: what the benchmark measures our node against.
 */
class Floor {
	description = {
		displayName: 'Floor',
		name: 'floor',
		group: ['transform'],
		version: 1,
		description: 'A bare lookup',
		defaults: { name: 'Floor' },
		inputs: ['main'],
		outputs: ['main'],
		credentials: [{ name: 'juheApi', required: true }],
		properties: [
			{ displayName: 'Mobile', name: 'mobile', type: 'string', default: '' },
			{ displayName: 'Concurrency', name: 'concurrency', type: 'number', default: 10 },
		],
	};

	async execute() {
		const items = this.getInputData();
		const data = await this.getCredentials('juheApi');
		const credentialsDecrypted = { id: '', name: '', type: 'juheApi', data };
		const output = [];
		let next = 0;
		const work = async () => {
			for (let item = next++; item < items.length; item = next++) {
				const body = new URLSearchParams({ mobile: this.getNodeParameter('mobile', item) });
				const request = {
					method: 'POST',
					url: `${data.baseUrl}/mobile_status/query`,
					body,
					json: true,
				};
				const reply = await this.helpers.httpRequestWithAuthentication.call(
					this,
					'juheApi',
					request,
					{ credentialsDecrypted },
				);
				output[item] = { json: { ...items[item].json, ...reply.result }, pairedItem: { item } };
			}
		};
		const concurrency = this.getNodeParameter('concurrency', 0);
		await Promise.all(Array.from({ length: concurrency }, work));
		return [output];
	}
}

module.exports = { Floor };
