import { describeTokenizerOracle } from "../../support/tokenizer-oracle.ts";

describeTokenizerOracle("workerd");
