#!/bin/sh
# Generates oxy_simulator/proto/*_pb2.py and .pyi from the .proto files beside them.
# Needs: pip install grpcio-tools
set -eu
cd "$(dirname "$0")"
python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. oxy_simulator/proto/*.proto
# protoc leaves the type arguments of Mapping out, which strict type checking refuses.
sed -i 's/_Mapping\]/_Mapping[str, object]]/g' oxy_simulator/proto/*_pb2.pyi
