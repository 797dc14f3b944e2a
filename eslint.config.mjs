import communityNodes from '@n8n/eslint-plugin-community-nodes';
import importPlugin from 'eslint-plugin-import';
import n8nNodesBase from 'eslint-plugin-n8n-nodes-base';
import tseslint from 'typescript-eslint';

const base = (files, name, extra = {}) => ({
	files,
	plugins: { 'n8n-nodes-base': n8nNodesBase },
	rules: { ...n8nNodesBase.configs[name].rules, ...extra },
});

export default tseslint.config(
	{ ignores: ['dist/', 'coverage/'] },

	// Everything in TypeScript: what ships, the tests, the simulator, the scripts.
	{
		files: ['**/*.ts'],
		extends: [tseslint.configs.strictTypeChecked],
		languageOptions: { parserOptions: { project: 'test/tsconfig.json' } },
		rules: {
			// Numbers are what most of our sentences are about.
			'@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
			// n8n's interfaces want promises and empty hooks in places where we have nothing to wait for or to do.
			'@typescript-eslint/require-await': 'off',
			'@typescript-eslint/no-empty-function': 'off',
			'@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
			'@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
		},
	},
	{
		// Tests look into JSON whose shape is what they assert, at places that they have just put something into.
		files: ['test/**/*.ts', 'scripts/**/*.ts'],
		rules: {
			'@typescript-eslint/no-unsafe-assignment': 'off',
			'@typescript-eslint/no-unsafe-member-access': 'off',
			'@typescript-eslint/no-unsafe-argument': 'off',
			'@typescript-eslint/no-unsafe-return': 'off',
			'@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
			'@typescript-eslint/no-non-null-assertion': 'off',
		},
	},
	{ files: ['**/*.{js,mjs}'], extends: [tseslint.configs.recommended] },
	{ files: ['**/*.js'], rules: { '@typescript-eslint/no-require-imports': 'off' } },

	// What n8n asks of a community package, from both of its plugins.
	{
		files: ['nodes/**/*.ts', 'credentials/**/*.ts', 'package.json'],
		...communityNodes.configs.recommended,
		ignores: [],
	},
	{
		files: ['nodes/**/*.ts', 'credentials/**/*.ts'],
		// Of what n8n's node-cli adds to the plugins.
		rules: { 'no-console': 'error', 'no-misleading-character-class': 'error' },
	},

	// The three layers of nodes/JuheMobileStatus: imports go only down, and in no circle.
	{
		files: ['nodes/**/*.ts', 'credentials/**/*.ts'],
		plugins: { import: importPlugin },
		settings: {
			'import/parsers': { '@typescript-eslint/parser': ['.ts'] },
			'import/resolver': { node: { extensions: ['.ts'] } },
		},
		rules: {
			'import/no-cycle': 'error',
			'import/no-restricted-paths': [
				'error',
				{
					basePath: 'nodes/JuheMobileStatus',
					zones: [
						{ target: 'juhe', from: '.', except: ['./juhe'] },
						{ target: 'list', from: '.', except: ['./list', './juhe'] },
					],
				},
			],
		},
	},
	{
		files: ['nodes/*/{juhe,list}/**/*.ts'],
		rules: {
			'no-restricted-imports': [
				'error',
				{
					paths: ['n8n-workflow', 'n8n-core'].map((name) => ({
						name,
						message: 'Only the shell knows n8n.',
					})),
				},
			],
		},
	},
	base(['nodes/**/*.ts'], 'nodes', {
		// It wants the literal 'main', which n8n's newer plugin refuses in favour of NodeConnectionTypes.Main.
		'n8n-nodes-base/node-class-description-inputs-wrong-regular-node': 'off',
	}),
	base(['credentials/**/*.ts'], 'credentials', {
		// This rule wants the name of a documentation page of n8n's own; ours is a URL, which the rule beside it asks for.
		'n8n-nodes-base/cred-class-field-documentation-url-miscased': 'off',
		// It takes every field with "Key" in its name for a secret; a public key is none, and has several lines.
		'n8n-nodes-base/cred-class-field-type-options-password-missing': 'off',
	}),
	{
		...base(['package.json'], 'community'),
		languageOptions: {
			parser: tseslint.parser,
			parserOptions: { extraFileExtensions: ['.json'] },
		},
	},
);
