/** A chat model that speaks OpenAI's chat completions and says what a test has written for it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IDataObject } from 'n8n-workflow';

import { HOST } from './world';

/** Calls of the tool, made in one turn, or the last words. */
export type Turn = { mobiles: string[] } | { say: string };

/** What n8n sends to the model. */
interface ChatRequest {
	stream?: boolean;
	messages: Array<{ role: string; content: string; tool_call_id?: string }>;
	tools: Array<{ function: { name: string; description: string; parameters: IDataObject } }>;
}

/** A running model; `startChatModel` makes one. */
class ChatModel {
	readonly requests: ChatRequest[] = [];
	private turns: Turn[] = [];
	private calls = 0;
	private readonly server = createServer((req, res) => {
		let body = '';
		req.setEncoding('utf8').on('data', (text: string) => (body += text));
		req.on('end', () => {
			const turn = this.turns.shift();
			if (!req.url?.endsWith('/chat/completions') || turn === undefined) {
				res.writeHead(404).end(`${req.url} is not in the script`);
				return;
			}
			const request = JSON.parse(body) as ChatRequest;
			this.requests.push(request);
			const message = this.messageOf(turn, request.tools[0]!.function.name);
			const finish_reason = 'mobiles' in turn ? 'tool_calls' : 'stop';
			const reply = (object: string, choice: object) =>
				JSON.stringify({
					...{ id: 'chat', created: 0, model: 'scripted', object },
					choices: [{ index: 0, ...choice }],
					usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
				});
			if (!request.stream) {
				res.writeHead(200, { 'content-type': 'application/json' });
				res.end(reply('chat.completion', { message, finish_reason }));
				return;
			}
			const events = [{ delta: message }, { delta: {}, finish_reason }].map(
				(choice) => `data: ${reply('chat.completion.chunk', choice)}\n\n`,
			);
			res.writeHead(200, { 'content-type': 'text/event-stream' });
			res.end(`${events.join('')}data: [DONE]\n\n`);
		});
	});

	/** To be called once, before anything else. */
	async start(): Promise<void> {
		await once(this.server.listen(0, HOST), 'listening');
	}

	get url(): string {
		return `http://${HOST}:${(this.server.address() as AddressInfo).port}/v1`;
	}

	/** Begins a new conversation. */
	script(...turns: Turn[]): void {
		this.turns = turns;
		this.calls = 0;
		this.requests.length = 0;
	}

	/** The items that the tool answered to each call, in the order of the calls. */
	get toolResults(): IDataObject[][] {
		const byId = new Map(
			this.requests.at(-1)!.messages.map(({ tool_call_id, content }) => [tool_call_id, content]),
		);
		return Array.from(
			{ length: this.calls },
			(_, index) => JSON.parse(byId.get(`call_${index}`) ?? 'null') as IDataObject[],
		);
	}

	stop(): void {
		this.server.close();
		this.server.closeAllConnections();
	}

	private messageOf(turn: Turn, name: string) {
		if ('say' in turn) return { role: 'assistant', content: turn.say };
		const tool_calls = turn.mobiles.map((mobile, index) => ({
			index,
			id: `call_${this.calls++}`,
			type: 'function',
			function: { name, arguments: JSON.stringify({ mobile }) },
		}));
		return { role: 'assistant', content: null, tool_calls };
	}
}

export type { ChatModel };

export async function startChatModel(): Promise<ChatModel> {
	const model = new ChatModel();
	await model.start();
	return model;
}
