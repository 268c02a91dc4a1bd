import js from '@eslint/js';
import globals from 'globals';

/** Rules on top of the recommended ones; types are tsc's business. */
const rules = {
  eqeqeq: 'error',
  'no-unused-vars': ['error', { caughtErrors: 'all' }],
  'no-var': 'error',
  'no-shadow': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
};

export default [
  {
    ignores: [
      '**/*', '!web/', '!web/js/**', '!web/embed.js', '!tests/', '!tests/web/**', '!tests/e2e/', '!tests/e2e/**', '!bench/', '!bench/*.js',
      '!eslint.config.js',
      '!examples/', '!examples/converse/', '!examples/converse/page/', '!examples/converse/page/*.js',
    ],
  },
  js.configs.recommended,
  { rules },
  { files: ['web/js/**', 'web/embed.js', 'examples/**'], languageOptions: { globals: globals.browser } },
  { files: ['**/*-worklet.js'], languageOptions: { globals: globals.audioWorklet } },
  { files: ['tests/web/**', 'tests/e2e/**'], languageOptions: { globals: globals.node } },
  { files: ['bench/whep_players.js'], languageOptions: { globals: globals.browser } },
];
