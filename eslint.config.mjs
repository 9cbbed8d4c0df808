import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["node_modules/", ".switchyard/"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // An Output in a template string prints "Calling [toString] on an [Output<T>]…": only these may stand there.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: false }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Dynamic providers are classes that only call super(), and interfaces of fixed shape.
      "@typescript-eslint/no-extraneous-class": "off",
      "max-lines": ["error", { max: 350, skipBlankLines: true, skipComments: true }],
    },
  },
  // Plain JavaScript is typed by comments, which tsc checks.
  { files: ["**/*.{cjs,js}"], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ["**/*.{cjs,js}"],
    languageOptions: { sourceType: "commonjs" },
    rules: {
      "@typescript-eslint/no-require-imports": "off", // Functions that come by require() look like methods.
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["**/*.{cjs,js,mjs}"],
    languageOptions: {
      globals: Object.fromEntries(
        ["console", "process", "require", "module", "__dirname", "setTimeout", "setImmediate"].map((g) => [
          g,
          "readonly",
        ]),
      ),
    },
  },
  { files: ["test/**"], rules: { "max-lines": ["error", { max: 500, skipBlankLines: true, skipComments: true }] } },
  prettier,
);
