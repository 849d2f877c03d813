// A request that can't be carried out, with a message for the person who made it.
export class PromptError extends Error {
  name = "PromptError";
}
