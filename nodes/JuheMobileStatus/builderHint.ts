import type { IBuilderHint } from 'n8n-workflow';

import { ADVICES, ROUTES, statusOf } from './juhe/status';
import { PLANS } from './list/outcome';
import { RESULT_NAMES, type ResultName } from './list/storedResult';
import { indexedOutputs, outputNames } from './outputNames';
import { MOST_NUMBERS } from './properties';

/** Names of a result that only come with an option or an operation. */
const ONLY_WITH: Partial<Record<ResultName, string>> = {
	orderid: 'operation aes or rsa',
	fingerprint: 'maskNumber',
	previousRoute: 'reuseResults',
	changed: 'reuseResults',
};
/** What a list needs that is checked again, and no more. */
const KEPT_NAMES: ResultName[] = [
	...(['label', 'advice', 'state', 'mobile', 'source'] as const),
	...(['checkedAt', 'recheckAt', 'previousRoute', 'changed'] as const),
];
const WHAT_ADVICE_MEANS = {
	keep: 'in use',
	recheck: 'not dead, may come back',
	remove: 'dead, the only advice to delete or skip a number on',
	review: 'nobody knows, a person looks',
};

const listOfNames = RESULT_NAMES.map((name) => {
	const condition = ONLY_WITH[name];
	return `mobileStatus_${name}${condition === undefined ? '' : ` (only with ${condition})`}`;
}).join(', ');

const STATES = ['0', '1', '2', '3', '4', '-'].map((state) => statusOf({ state }));
const listOfAdvice = ADVICES.map((advice) => {
	const routes = [...STATES, statusOf(null)].filter((status) => status.advice === advice);
	const names = routes.map(({ route }) => route).join(', ');
	return `- ${advice} (route ${names}): ${WHAT_ADVICE_MEANS[advice]}`;
});

/** The index of the error output, as the last. */
const errorOutput = (splitOutputs: boolean, summaryOutput: boolean) =>
	outputNames(splitOutputs, summaryOutput).length;

const OUTPUTS = `Outputs by index, for .output(n):
- splitOutputs false, summaryOutput false: ${indexedOutputs(false, false)}
- splitOutputs false, summaryOutput true: ${indexedOutputs(false, true)}
- splitOutputs true, summaryOutput false: ${indexedOutputs(true, false)}
- splitOutputs true, summaryOutput true: ${indexedOutputs(true, true)}
Rows carries every row, in the order of the input. Other carries the routes unknown and noRecord, the rows of a dry run, and with onError 'continueRegularOutput' the rows that fail. Summary carries one item with the counts of the execution.
onError 'continueErrorOutput' adds one output for the rows that fail, the last: ${errorOutput(false, false)}, ${errorOutput(false, true)}, ${errorOutput(true, false)} or ${errorOutput(true, true)} in the order above. Connect it with .output(n). The SDK's .onError() always connects output 1, which is the error output only where both switches are false.`;

const ROW = `A row comes out with its own fields, and with these:
- route: ${ROUTES.join(', ')}
- ${listOfNames}
- A row that fails has no route and no mobileStatus_ field. It has error and details_code (with onError 'continueErrorOutput': details.code): 'invalidNumber' for a cell without a mobile number, 'overCap' for a row over maxQueries, else the code of the service. 224922 is a number without a record.
With resultAs 'object' the same names stand in the one field mobileStatus.
Branch on mobileStatus_advice rather than on route:
${listOfAdvice.join('\n')}`;

const USE = `How to use it:
- Money: each distinct number of an execution is one paid query, also in the editor. Set options.maxQueries always. Set options.dryRun to true for the first run: it sends nothing, needs no key, and the field dryRun says of each row ${PLANS.join(', ')}. A row without an older result then has no advice, and leaves a Switch by its fallback. Tell the user to set dryRun to false afterwards.
- A list, and a lead that must not get lost: set onError 'continueRegularOutput'. With the default, one cell without a mobile number stops the node before anything is sent.
- All rows go in at once. The node itself finds duplicates, limits the rate and retries. It needs no Wait node, no Remove Duplicates node, and no retryOnFail.
- A list that is checked again: keep resultAs 'columns', set options.reuseResults to true, read the rows that are due, and write the columns back into the rows (pattern below). The table needs the column route and a mobileStatus_ column for each name in resultFields: string, but attempts number, changed boolean, checkedAt and recheckAt date. Keep the filter of the pattern: rows that fail, and rows of a dry run, have fields that the table lacks, and auto-map mode then stops.
- An agent's tool is n8n-nodes-juhe.juheMobileStatusTool. One call takes up to ${MOST_NUMBERS} numbers and answers with an item for each. splitOutputs, summaryOutput and options about rows are not for tools.`;

const nightlyPattern = `<pattern title="Check a Data Table every night, and pay only for the rows that are due">
const everyNight = trigger({
  type: 'n8n-nodes-base.scheduleTrigger',
  version: 1.3,
  config: {
    name: 'Every Night',
    parameters: { rule: { interval: [{ field: 'days', triggerAtHour: 2 }] } }
  }
});
const dueRows = node({
  type: 'n8n-nodes-base.dataTable',
  version: 1.1,
  config: {
    name: 'Due Rows',
    parameters: {
      resource: 'row',
      operation: 'get',
      dataTableId: { __rl: true, mode: 'name', value: 'contacts' },
      matchType: 'anyCondition',
      filters: {
        conditions: [
          { keyName: 'mobileStatus_recheckAt', condition: 'isEmpty' },
          { keyName: 'mobileStatus_recheckAt', condition: 'lt', keyValue: expr('{{ $now.toISO() }}') }
        ]
      },
      returnAll: true
    }
  }
});
const checkNumbers = node({
  type: 'n8n-nodes-juhe.juheMobileStatus',
  version: 1,
  config: {
    name: 'Check Numbers',
    onError: 'continueRegularOutput',
    parameters: {
      mobile: expr('{{ $json.phone }}'),
      options: {
        dryRun: true,
        maxQueries: 2000,
        noRecord: 'route',
        reuseResults: true,
        resultFields: [${KEPT_NAMES.map((name) => `'${name}'`).join(', ')}]
      }
    },
    credentials: { juheApi: newCredential('Juhe account') }
  }
});
const newResults = node({
  type: 'n8n-nodes-base.filter',
  version: 2.3,
  config: {
    name: 'New Results',
    parameters: {
      conditions: {
        options: { caseSensitive: true, leftValue: '', typeValidation: 'strict', version: 2 },
        conditions: [{
          leftValue: expr('{{ !$json.dryRun && ["query", "duplicate"].includes($json.mobileStatus_source) }}'),
          operator: { type: 'boolean', operation: 'true', singleValue: true },
          rightValue: ''
        }],
        combinator: 'and'
      }
    }
  }
});
const writeBack = node({
  type: 'n8n-nodes-base.dataTable',
  version: 1.1,
  config: {
    name: 'Write Back',
    parameters: {
      resource: 'row',
      operation: 'update',
      dataTableId: { __rl: true, mode: 'name', value: 'contacts' },
      matchType: 'allConditions',
      filters: { conditions: [{ keyName: 'id', condition: 'eq', keyValue: expr('{{ $json.id }}') }] },
      columns: { mappingMode: 'autoMapInputData', value: {}, matchingColumns: [], schema: [] }
    }
  }
});
export default workflow('id', 'name').add(everyNight).to(dueRows).to(checkNumbers).to(newResults).to(writeBack);
</pattern>`;

const switchRule = (advice: string) =>
	`          { outputKey: '${advice}', renameOutput: true, conditions: { options: { caseSensitive: true, leftValue: '', typeValidation: 'loose', version: 2 }, conditions: [{ leftValue: expr('{{ $json.mobileStatus_advice }}'), operator: { type: 'string', operation: 'equals' }, rightValue: '${advice}' }], combinator: 'and' } }`;
const switchPattern = `<pattern title="Branch on the advice, rows that fail by the fallback">
const byAdvice = switchCase({
  version: 3.2,
  config: {
    name: 'By Advice',
    parameters: {
      rules: {
        values: [
${ADVICES.map(switchRule).join(',\n')}
        ]
      },
      options: { fallbackOutput: 'extra', renameFallbackOutput: 'could not check' }
    }
  }
});
</pattern>`;

const toolPattern = `<pattern title="Tool of an agent">
const checkNumbersTool = tool({
  type: 'n8n-nodes-juhe.juheMobileStatusTool',
  version: 1,
  config: {
    name: 'Check Mobile Numbers',
    onError: 'continueRegularOutput',
    parameters: {
      mobile: fromAi('mobile', 'Chinese mobile numbers, up to ${MOST_NUMBERS}, separated by commas'),
      options: { maxQueries: ${MOST_NUMBERS} }
    },
    credentials: { juheApi: newCredential('Juhe account') }
  }
});
</pattern>`;

/**
 * What n8n's AI builder and its MCP server read beside the parameters. Where it names outputs, fields and values, it takes
 * them from the tables that the node works by.
 */
export const BUILDER_HINT: IBuilderHint = {
	// It stands in the results of a search, too.
	searchHint: `Each distinct number is one paid query: begin with options.dryRun true, and always set options.maxQueries. For lists set onError 'continueRegularOutput', else one bad cell stops the whole list before anything is sent. Each row comes out with route and with flat columns such as mobileStatus_advice: ${ADVICES.join(', ')}. Only remove means dead. For lists that are checked again set options.reuseResults and write the columns back. As a tool of an agent one call takes up to ${MOST_NUMBERS} numbers. The type definition lists the outputs by index, the columns, and patterns.`,
	relatedNodes: [
		{
			nodeType: 'n8n-nodes-juhe.juheMobileStatusTool',
			relationHint: 'Tool version for AI Agent use',
		},
		{
			nodeType: 'n8n-nodes-base.dataTable',
			relationHint:
				'Holds a list that is checked again: get the rows that are due, update them by id',
		},
		{
			nodeType: 'n8n-nodes-base.switch',
			relationHint: 'Branch on mobileStatus_advice, with a fallback for rows that fail',
		},
		{
			nodeType: 'n8n-nodes-base.splitInBatches',
			relationHint:
				'For thousands of rows: batches of 200, written back within the loop, every row handed back to it',
		},
		{
			nodeType: 'n8n-nodes-base.extractFromFile',
			relationHint:
				'Rows of an uploaded file. Its CSV operation reads no GBK, in which Chinese Excel saves CSV: ask for .xlsx or UTF-8',
		},
	],
	extraTypeDefContent: [
		{
			content: `\n${[OUTPUTS, ROW, USE].join('\n\n')}\n\n<patterns>\n${[nightlyPattern, switchPattern, toolPattern].join('\n')}\n</patterns>`,
		},
	],
};
