"""The recipe that makes nano: data, codec, three models, measures, export."""
