import type { ObjectStore } from "../store/store";

/** What is below a prefix of a store, as a store of its own. @param prefix parts of keys joined by `/`, without one at its end */
export function within(store: ObjectStore, prefix: string): ObjectStore {
  const below = `${prefix}/`;
  return {
    put: (key, content, options) => store.put(below + key, content, options),
    get: (key) => store.get(below + key),
    list: async (start) =>
      (await store.list(below + start)).map((object) => ({ ...object, key: object.key.slice(below.length) })),
    delete: (key) => store.delete(below + key),
    where: (key) => store.where(below + key),
  };
}

/** Where backups of one schema alone are: apart from those of the whole database, which a restore takes its own from. */
export const schemasPrefix = "schemas";
export const storeOfSchema = (store: ObjectStore, schema: string): ObjectStore =>
  within(store, `${schemasPrefix}/${schema}`);
